# SPDX-License-Identifier: MIT
#
# The package for Go: its sources, which a program's go.mod finds by
#     require shmchan v0.0.0
#     replace shmchan => /usr/local/share/gocode/src/shmchan
# Included by the Makefile.

godir ?= $(datadir)/gocode/src/shmchan

go_files = lib/bindings/go/go.mod $(wildcard lib/bindings/go/*.[ch]) \
	$(filter-out %_test.go,$(wildcard lib/bindings/go/*.go))

install-go:	## Install the package for Go, its sources (godir=)
	@set -e; dir='$(DESTDIR)$(godir)'; echo "  INSTALL $$dir"; \
		install -d "$$dir"; install -m 644 $(go_files) "$$dir"

uninstall-go:
	@rm -rf '$(DESTDIR)$(godir)'

.PHONY: install-go uninstall-go
