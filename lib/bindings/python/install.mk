# SPDX-License-Identifier: MIT
#
# The module for Python.  Included by the Makefile.

PYTHON ?= python3
# Where that Python looks for modules below PREFIX; Debian's has names of its own for it.
pythondir ?= $(shell $(PYTHON) -c 'import sys; prefix = sys.argv[1] + "/lib/"; \
	print(next((p for p in sys.path if p.startswith(prefix) and p.endswith("-packages")), \
	"%spython%d.%d/site-packages" % (prefix, *sys.version_info[:2])))' '$(PREFIX)')

python_files = $(wildcard lib/bindings/python/shmchan/*.py) lib/bindings/python/shmchan/py.typed

install-python:	## Install the module for Python (PYTHON=, pythondir=)
	@set -e; dir='$(DESTDIR)$(pythondir)/shmchan'; echo "  INSTALL $$dir"; \
		install -d "$$dir"; install -m 644 $(python_files) "$$dir"

uninstall-python:
	@rm -rf '$(DESTDIR)$(pythondir)/shmchan'

# A package of that module for Debian, without the library, which `make install` brings.
deb-python:	## Make a Debian package of the module for Python, in the build directory
	@set -e; tree=$(BUILD)/deb-python; rm -rf $$tree; mkdir -p $$tree/DEBIAN; \
		$(MAKE) --no-print-directory install-python DESTDIR=$$tree PREFIX=/usr \
			pythondir=/usr/lib/python3/dist-packages >/dev/null; \
		sed 's/@version@/$(VERSION)/' lib/bindings/python/control.in >$$tree/DEBIAN/control; \
		dpkg-deb --root-owner-group -b $$tree $(BUILD)/python3-shmchan_$(VERSION)_all.deb

.PHONY: install-python uninstall-python deb-python
