# SPDX-License-Identifier: MIT
#
# The relays of tests/loops: a program for each event loop, tests/loops/relays/LOOP.c with
# relay.c, as a user would build it.  Included by the Makefile.
#
# One whose library is missing is not built, and tests/loops/run.sh says so.

RELAYS_DIR := tests/loops/relays
RELAYS := epoll epoll_edge uring uring_multishot uv glib sd_event

relay_package_uring := liburing
relay_package_uring_multishot := liburing
relay_package_uv := libuv
relay_package_glib := glib-2.0
relay_package_sd_event := libsystemd

RELAYS_THERE := $(foreach r,$(RELAYS),$(if $(relay_package_$(r)),$(if \
	$(shell $(PKG_CONFIG) --exists $(relay_package_$(r)) && echo yes),$(r)),$(r)))
RELAYS_BIN := $(RELAYS_THERE:%=$(BUILD)/$(RELAYS_DIR)/%)

# The headers of Node's addons, and of its libuv.
NODE_HEADERS ?= /usr/include/node
NODE_ADDON := $(if $(SANITIZE),,$(if $(wildcard $(NODE_HEADERS)/node_api.h),\
	$(if $(wildcard $(NODE_HEADERS)/uv.h /usr/include/uv.h),$(BUILD)/$(RELAYS_DIR)/chan.node)))

# The headers of others are not warned about.
relay_flags = $(if $(relay_package_$(1)),$(patsubst -I%,-isystem %,\
	$(shell $(PKG_CONFIG) --cflags $(relay_package_$(1)))))
relay_libs = $(if $(relay_package_$(1)),$(shell $(PKG_CONFIG) --libs $(relay_package_$(1))))
relay_cflags = -std=gnu11 -D_GNU_SOURCE -Ilib -pthread $(WARNINGS) $(sanitize) $(CFLAGS)
relay_shmchan = -L$(BUILD) -lshmchan -Wl,-rpath,$(abspath $(BUILD))

$(RELAYS_BIN): $(BUILD)/%: %.c $(RELAYS_DIR)/relay.c $(RELAYS_DIR)/relay.h $(LIBRARIES)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(relay_cflags) $(call relay_flags,$(*F)) -o $@ $< $(RELAYS_DIR)/relay.c \
		$(LDFLAGS) $(relay_shmchan) $(call relay_libs,$(*F))

$(BUILD)/$(RELAYS_DIR)/chan.node: $(RELAYS_DIR)/node_addon.c $(LIBRARIES)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(relay_cflags) -fPIC -isystem $(NODE_HEADERS) -shared -o $@ $< $(LDFLAGS) \
		$(relay_shmchan)

test-programs: $(RELAYS_BIN) $(NODE_ADDON)
