# SPDX-License-Identifier: MIT
#
# The header for C++.  Included by the Makefile.

install-cpp:	## Install the header for C++
	@echo '  INSTALL $(DESTDIR)$(includedir)/shmchan.hpp'; \
		install -D -m 644 lib/bindings/cpp/shmchan.hpp '$(DESTDIR)$(includedir)/shmchan.hpp'

uninstall-cpp:
	@rm -f '$(DESTDIR)$(includedir)/shmchan.hpp'

.PHONY: install-cpp uninstall-cpp
