# SPDX-License-Identifier: MIT
#
# Build, test and install shmchan.  GNU make; `make help` lists the targets.
#
# Yours to set: CC, CFLAGS, LDFLAGS, DESTDIR, PREFIX and the directories below,
# BUILD (where objects go), V=1 (show commands), WERROR=1 (warnings are errors),
# and the variants, each with a build directory of its own:
#   CONDVAR=pthread                     the reference condition variable
#   SANITIZE=address,undefined|thread   sanitizers
# CFLAGS and LDFLAGS are never touched: what the code needs is added apart.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:

CFLAGS ?= -O2 -g
AR = $(CROSS_COMPILE)ar
OBJCOPY = $(CROSS_COMPILE)objcopy
PKG_CONFIG ?= pkg-config
ifdef CROSS_COMPILE
CC = $(CROSS_COMPILE)gcc
endif

# Where things are installed.
PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
libdir ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
datadir ?= $(PREFIX)/share
mandir ?= $(datadir)/man
unitdir ?= $(PREFIX)/lib/systemd/system
userunitdir ?= $(PREFIX)/lib/systemd/user
sysusersdir ?= $(PREFIX)/lib/sysusers.d
tmpfilesdir ?= $(PREFIX)/lib/tmpfiles.d
bashcompdir ?= $(datadir)/bash-completion/completions
zshcompdir ?= $(datadir)/zsh/site-functions
fishcompdir ?= $(datadir)/fish/vendor_completions.d

comma := ,
BUILD ?= build$(CONDVAR:%=-%)$(addprefix -,$(subst $(comma),-,$(SANITIZE)))

VERSION := $(shell sed -n 's/^.define CHAN_VERSION "\(.*\)"/\1/p' lib/shmchan.h)
SONAME := libshmchan.so.0
SOFILE := libshmchan.so.$(VERSION)

# ---- what is built of what ----
#
# A list of sources for each thing; obj gives their objects.  What the tests are made
# of is in tests/mk/tests.mk, what is installed where in lib/mk/install.mk.

# The libraries: libshmchan.a and libshmchan.so.
LIB := $(wildcard lib/*/*.c)
# What the programs link of it besides: the public library hides it.
BASE := lib/base/names.c lib/base/words.c lib/base/descriptor.c lib/bus/chand.c

# The programs, a folder each, and what they share.
PROGRAMS := chansend chanrecv chanctl chanbench
chansend := $(wildcard tools/send/*.c)
chanrecv := $(wildcard tools/recv/*.c)
chanctl := $(wildcard tools/ctl/*.c)
chanbench := $(wildcard tools/bench/*.c)
COMMON := $(wildcard tools/common/*.c)

# The daemon.
chand := $(wildcard daemon/*.c daemon/*/*.c)

# The files with a main(): all others can be linked to a test, or to one another.
MAINS := tools/send/chansend.c tools/recv/chanrecv.c tools/ctl/chanctl.c \
	tools/bench/chanbench.c daemon/main.c

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIBRARIES := $(addprefix $(BUILD)/,libshmchan.a $(SOFILE) $(SONAME) libshmchan.so)
BINARIES := $(addprefix $(BUILD)/,$(PROGRAMS) chand)

# ---- how ----

# -Wvla: no stack use that the input decides.
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wvla
WARNINGS += $(if $(WERROR),-Werror)

# -D_GNU_SOURCE: for every file at once, so that none compiles against other
# declarations than its neighbour; the public header does without.
# -fPIC everywhere: the same objects make both libraries and the programs.
# -fvisibility=hidden: shmchan.h makes its own declarations visible again.
# -fno-tree-slp-vectorize: two neighbours that were just stored one by one are not loaded
# as one, which would wait for the whole store buffer (lib/PERFORMANCE.md).
all_cflags = -std=gnu11 -D_GNU_SOURCE -Ilib -Itools -Idaemon -Itests -pthread -fPIC -fvisibility=hidden -MMD -MP $(WARNINGS) \
	-fno-tree-slp-vectorize \
	$(if $(filter pthread,$(CONDVAR)),-DCHAN_CONDVAR_PTHREAD) $(sanitize) $(CFLAGS)
# -Wno-tsan: gcc's does not model the fence of the condition variable, whose effect
# is on waking only.
sanitize = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all) \
	$(if $(filter thread,$(SANITIZE)),-Wno-tsan -Wno-unknown-warning-option)

# -z now: lazy binding would resolve symbols while a channel's lock is held.
# -z defs: what the library needs, it names (a sanitizer's runtime comes later).
all_ldflags = -pthread $(sanitize) -Wl,-z,now -Wl,-z,relro -Wl,--as-needed $(LDFLAGS)
so_ldflags = -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/shmchan.map \
	$(if $(SANITIZE),,-Wl,-z,defs)

# The static one if it is there: loading the other is a good part of the time that
# `chansend CHANNEL MESSAGE` takes.
uring = $(or $(wildcard $(shell $(PKG_CONFIG) --variable=libdir liburing)/liburing.a),\
	$(shell $(PKG_CONFIG) --libs liburing))
jansson = $(or $(wildcard $(shell $(PKG_CONFIG) --variable=libdir jansson)/libjansson.a),\
	$(shell $(PKG_CONFIG) --libs jansson))
curses = $(foreach l,ncursesw tinfo,$(or $(wildcard $(shell $(PKG_CONFIG) \
	--variable=libdir ncursesw)/lib$(l).a),-l$(l)))
check = $(shell $(PKG_CONFIG) --libs check)

Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-7s %s\n' $(1) $@)

# ---- the rules ----

all: lib $(BINARIES)	## Build the libraries and programs (the default)

lib: $(LIBRARIES)	## Build the libraries only

$(BUILD)/%.o: %.c Makefile
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) -c -o $@ $<

# It carries the completions (.incbin), which -MMD can't see.
$(BUILD)/tools/ctl/completion.o: $(wildcard tools/completions/*)

# q, not r: files of the same name in two folders are two members.
$(BUILD)/%.a:
	$(call say,AR)
	@rm -f $@; mkdir -p $(@D)
	$(Q)$(AR) qcs $@ $^

# Archives, of which each program takes what it needs.
$(BUILD)/common.a: $(call obj,$(COMMON) $(BASE))
$(BUILD)/tools.a: $(call obj,$(filter-out $(MAINS),$(foreach p,$(PROGRAMS),$($(p))) $(COMMON)) $(BASE))
$(BUILD)/daemon.a: $(call obj,$(filter-out $(MAINS),$(chand)))

$(BUILD)/$(SOFILE): $(call obj,$(LIB)) lib/shmchan.map
	$(call say,LD)
	$(Q)$(CC) $(so_ldflags) $(all_ldflags) -o $@ $(call obj,$(LIB))

$(BUILD)/$(SONAME) $(BUILD)/libshmchan.so: $(BUILD)/$(SOFILE)
	@ln -sf $(SOFILE) $@

# The static library is one object that shows the same names as the shared one:
# internals can't collide with a user's.
$(BUILD)/libshmchan.a: $(call obj,$(LIB)) lib/shmchan.map
	$(call say,AR)
	$(Q)sed -n 's/^\t\(chan_.*\);/\1/p' lib/shmchan.map >$(BUILD)/public
	$(Q)$(CC) $(CFLAGS) -r -nostdlib -o $(BUILD)/shmchan.o $(call obj,$(LIB))
	$(Q)$(OBJCOPY) --keep-global-symbols=$(BUILD)/public $(BUILD)/shmchan.o
	@rm -f $@
	$(Q)$(AR) rcs $@ $(BUILD)/shmchan.o

.SECONDEXPANSION:
$(addprefix $(BUILD)/,$(filter-out chanctl,$(PROGRAMS))): $(BUILD)/%: $$(call obj,$$($$*)) $(BUILD)/common.a $(BUILD)/libshmchan.a
	$(call say,LD)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(jansson) -lm

# These two see the library's internals.
$(BUILD)/chanctl: $(call obj,$(chanctl) $(LIB)) $(BUILD)/common.a
	$(call say,LD)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(jansson) $(curses) -lm

$(BUILD)/chand: $(call obj,$(chand) $(LIB)) $(BUILD)/tools.a
	$(call say,LD)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(uring) $(jansson) -lm

-include $(patsubst %.c,$(BUILD)/%.d,$(LIB) $(COMMON) $(chand) $(foreach p,$(PROGRAMS),$($(p))))

include tests/mk/tests.mk tests/mk/loops.mk tests/mk/peers.mk tests/mk/packages.mk lib/mk/install.mk
# The bindings for other languages.
include $(wildcard lib/bindings/*/install.mk)

# ---- the rest ----

clean:	## Remove all build directories
	rm -rf build build-* $(BUILD)

compile_commands.json: $(BUILD)/compile_commands.json	## Write one, for editors, to the build directory

$(BUILD)/compile_commands.json: Makefile
	@mkdir -p $(@D)
	$(Q){ sep='['; for f in $(LIB) $(chand) $(foreach p,$(PROGRAMS),$($(p))) $(COMMON) $(TEST_SOURCES); do \
		printf '%s\n{"directory": "%s", "file": "%s", "command": "%s"}' \
			"$$sep" '$(CURDIR)' $$f '$(CC) $(strip $(all_cflags)) -c '$$f; sep=,; \
	done; printf '\n]\n'; } >$@

help:	## List the targets
	@sed -n 's/^\([a-z_.-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile tests/mk/*.mk lib/mk/*.mk lib/bindings/*/*.mk | \
		while IFS='	' read -r t d; do printf '  %-22s %s\n' "$$t" "$$d"; done

.PHONY: all lib clean help compile_commands.json $(BUILD)/compile_commands.json
