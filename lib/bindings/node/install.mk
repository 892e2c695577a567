# SPDX-License-Identifier: MIT
#
# The module for Node, with its C part compiled.  A program finds it by
# `npm install /usr/local/lib/node_modules/shmchan`, or NODE_PATH.  Included by the Makefile.

nodedir ?= $(libdir)/node_modules/shmchan

node_files = $(addprefix lib/bindings/node/,package.json index.js index.d.ts addon.c node_abi.h)

# Node itself has what is undefined in it.  -z now: what the library lacks is found at once.
$(BUILD)/shmchan.node: lib/bindings/node/addon.c lib/bindings/node/node_abi.h $(LIBRARIES)
	$(call say,CC)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -Ilib -pthread -fPIC -fvisibility=hidden $(WARNINGS) $(CFLAGS) \
		-shared -Wl,-z,now -o $@ $< $(LDFLAGS) -L$(BUILD) -lshmchan

node-addon: $(BUILD)/shmchan.node

install-node: node-addon	## Install the module for Node (nodedir=)
	@set -e; dir='$(DESTDIR)$(nodedir)'; echo "  INSTALL $$dir"; install -d "$$dir"; \
		install -m 644 $(node_files) "$$dir"; install -m 755 $(BUILD)/shmchan.node "$$dir"

uninstall-node:
	@rm -rf '$(DESTDIR)$(nodedir)'

.PHONY: node-addon install-node uninstall-node
