# SPDX-License-Identifier: MIT
#
# What shmchan is compared with: a program for each peer, tests/bench/peers/PEER.c or .cpp
# with the harness.  Included by the Makefile; tests/README.md says how to add one.
#
# The library of a peer may be missing: then its program is not built, and the table says
# why.

PEERS_DIR := tests/bench/peers
PEERS_C := $(filter-out $(PEERS_DIR)/harness.c,$(wildcard $(PEERS_DIR)/*.c))
PEERS_CXX := $(wildcard $(PEERS_DIR)/*.cpp)
PEERS_BIN := $(PEERS_C:%.c=$(BUILD)/%) $(PEERS_CXX:%.cpp=$(BUILD)/%)

# What a peer is built with besides: shmchan as its users have it, as a shared library.
peer_libs_shmchan = -L$(BUILD) -lshmchan -Wl,-rpath,$(abspath $(BUILD))
peer_libs_zeromq = -lzmq
peer_libs_nng = -lnng
peer_libs_libqb = -lqb
peer_libs_iceoryx = -liceoryx_posh -liceoryx_hoofs -liceoryx_platform
peer_flags_iceoryx = $(addprefix -isystem ,$(lastword $(sort $(wildcard /usr/include/iceoryx/v*))))

peer_cflags = -D_GNU_SOURCE -Ilib -pthread -Wall -Wextra $(if $(WERROR),-Werror) $(CFLAGS) \
	$(peer_flags_$(*F))
# $(1): the compiler.  Its complaints are kept for the table.
peer_build = $(Q)mkdir -p $(@D); \
	$(1) $(peer_cflags) -o $@ $< $(BUILD)/$(PEERS_DIR)/harness.o $(LDFLAGS) \
		$(peer_libs_$(*F)) 2>$@.log || { rm -f $@; echo "  not built: $@ (see $@.log)"; }

$(PEERS_BIN): $(BUILD)/$(PEERS_DIR)/harness.o $(PEERS_DIR)/peer.h $(LIBRARIES)

$(PEERS_C:%.c=$(BUILD)/%): $(BUILD)/%: %.c
	$(call say,CC)
	$(call peer_build,$(CC) -std=gnu11)

$(PEERS_CXX:%.cpp=$(BUILD)/%): $(BUILD)/%: %.cpp
	$(call say,CXX)
	$(call peer_build,$(CXX) -std=gnu++17)

-include $(BUILD)/$(PEERS_DIR)/harness.d

peer-programs: $(PEERS_BIN)

bench-peers: deps-peers	## Compare with Boost, iceoryx, libqb, nng, POSIX mq and ZeroMQ (DIR=, RUNS=, MS=)
	@$(MAKE) --no-print-directory peer-programs
	@BUILD='$(abspath $(BUILD))' $(PEERS_DIR)/compare $(DIR)

.PHONY: peer-programs bench-peers
