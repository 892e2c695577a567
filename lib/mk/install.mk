# SPDX-License-Identifier: MIT
#
# What is installed, and where.  Included by the Makefile.

# Each file as mode:source:destination, and each link as target:destination;
# install puts these there, uninstall removes these.
INSTALL_FILES = \
	$(foreach p,$(PROGRAMS),755:$(BUILD)/$(p):$(bindir)/$(p)) \
	755:$(BUILD)/$(SOFILE):$(libdir)/$(SOFILE) \
	644:$(BUILD)/libshmchan.a:$(libdir)/libshmchan.a \
	644:$(BUILD)/shmchan.pc:$(libdir)/pkgconfig/shmchan.pc \
	644:lib/shmchan.h:$(includedir)/shmchan.h \
	755:$(BUILD)/chand:$(bindir)/chand \
	$(foreach u,$(notdir $(UNITS)),644:$(BUILD)/units/system/$(u):$(unitdir)/$(u)) \
	$(foreach u,$(notdir $(USER_UNITS)),644:$(BUILD)/units/user/$(u):$(userunitdir)/$(u)) \
	644:systemd/shmchan.sysusers:$(sysusersdir)/shmchan.conf \
	644:systemd/shmchan.tmpfiles:$(tmpfilesdir)/shmchan.conf \
	$(foreach f,$(wildcard systemd/monitoring/*),644:$(f):$(datadir)/shmchan/$(notdir $(f))) \
	$(foreach m,$(wildcard lib/man/*.[1-8] tools/man/*.[1-8] daemon/man/*.[1-8]),\
		644:$(m):$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))) \
	644:tools/completions/shmchan.bash:$(bashcompdir)/chanctl \
	644:tools/completions/shmchan.zsh:$(zshcompdir)/_shmchan \
	644:tools/completions/shmchan.fish:$(fishcompdir)/chanctl.fish
INSTALL_LINKS = \
	$(SOFILE):$(libdir)/$(SONAME) $(SOFILE):$(libdir)/libshmchan.so \
	$(foreach p,$(filter-out chanctl,$(PROGRAMS)),\
		chanctl:$(bashcompdir)/$(p) chanctl.fish:$(fishcompdir)/$(p).fish) \
	$(foreach f,$(shell sed -n 's/^\t\(chan_.*\);/\1/p' lib/shmchan.map),\
		shmchan.3:$(mandir)/man3/$(f).3)

UNITS := $(patsubst %.in,%,$(filter-out %.sysusers %.tmpfiles %/user %/monitoring,$(wildcard systemd/*)))
USER_UNITS := $(patsubst %.in,%,$(wildcard systemd/user/*))

# The units, with the place of the programs filled in.
units:
	@set -e; for f in $(wildcard systemd/*.* systemd/user/*.*); do \
		case $$f in *.sysusers|*.tmpfiles) continue ;; */user/*) d=user ;; *) d=system ;; esac; \
		mkdir -p $(BUILD)/units/$$d; f1=$${f##*/}; \
		sed 's|@bindir@|$(bindir)|' $$f >$(BUILD)/units/$$d/$${f1%.in}; done

install: all units	## Install below PREFIX (/usr/local), under DESTDIR if that is set
	@sed -e 's|@prefix@|$(PREFIX)|' -e 's|@libdir@|$(libdir)|' \
		-e 's|@includedir@|$(includedir)|' -e 's|@version@|$(VERSION)|' \
		lib/shmchan.pc.in >$(BUILD)/shmchan.pc
	@set -e; for i in $(INSTALL_FILES); do IFS=:; set -- $$i; \
		echo "  INSTALL $(DESTDIR)$$3"; install -D -m $$1 "$$2" "$(DESTDIR)$$3"; done
	@set -e; for i in $(INSTALL_LINKS); do IFS=:; set -- $$i; \
		ln -sf $$1 "$(DESTDIR)$$2"; done
	@$(if $(DESTDIR),:,ldconfig 2>/dev/null || :)

uninstall:	## Remove what install put there
	@for i in $(INSTALL_FILES) $(INSTALL_LINKS:%=-:%); do IFS=:; set -- $$i; \
		rm -f "$(DESTDIR)$$3"; done
	@$(if $(DESTDIR),:,ldconfig 2>/dev/null || :)

.PHONY: units install uninstall
