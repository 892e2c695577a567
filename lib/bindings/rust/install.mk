# SPDX-License-Identifier: MIT
#
# The crate for Rust, as source: a program's Cargo.toml names its folder.  Included by the
# Makefile.

rustdir ?= $(datadir)/cargo/shmchan

rust_files = $(patsubst lib/bindings/rust/%,%,$(wildcard $(addprefix lib/bindings/rust/,\
	Cargo.toml build.rs src/*.rs examples/*.rs)))

install-rust:	## Install the crate for Rust, as source (rustdir=)
	@set -e; echo '  INSTALL $(DESTDIR)$(rustdir)'; for f in $(rust_files); do \
		install -D -m 644 lib/bindings/rust/$$f "$(DESTDIR)$(rustdir)/$$f"; done

uninstall-rust:
	@rm -rf '$(DESTDIR)$(rustdir)'

.PHONY: install-rust uninstall-rust
