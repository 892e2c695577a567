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

LIB_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/*/*.c))
BASE_OBJ := $(addprefix $(BUILD)/lib/base/,names.o words.o)
# Each program has a folder: tools/KEY makes chanKEY of chanKEY.c and what lies beside
# it; tools/common is what they share.
TOOLS := send recv ctl bench
PROGRAMS := $(TOOLS:%=chan%)
PROGRAM_OBJ := $(foreach t,$(TOOLS),$(BUILD)/tools/$(t)/chan$(t).o)
TOOL_OBJ := $(filter-out $(PROGRAM_OBJ),$(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/*/*.c)))
DAEMON_OBJ := $(filter-out $(BUILD)/daemon/main.o,$(patsubst %.c,$(BUILD)/%.o,$(wildcard daemon/*.c)))

# A test_*.c is a test program, a prog_*.c a program that test scripts use; any
# other C file beside them is linked to each of that directory, and what they need of
# tests/support to all.  stepkill is one program, and the fuzzers build themselves.
TEST_MAIN := $(wildcard tests/*/test_*.c tests/*/prog_*.c)
TEST_BIN := $(TEST_MAIN:%.c=$(BUILD)/%)
TEST_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/fuzz/%,$(wildcard tests/*/*.c)))
SUPPORT_OBJ := $(filter-out $(TEST_BIN:=.o),$(filter $(BUILD)/tests/support/%,$(TEST_OBJ)))
STEPKILL_OBJ := $(filter-out $(TEST_BIN:=.o),$(filter $(BUILD)/tests/stepkill/%,$(TEST_OBJ)))
STEPKILL := $(if $(STEPKILL_OBJ),$(BUILD)/tests/stepkill/stepkill)

CHECKS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/*/test_*.c))
# Of the library.
PROOFS := $(STEPKILL) tests/stepkill/controls.sh \
	$(filter-out tests/daemon/%,$(wildcard tests/*/run.sh))
TESTS := $(CHECKS) \
	$(filter-out %/lib.sh %/inside.sh $(PROOFS),$(wildcard tests/*/*.sh)) \
	$(PROOFS) tests/leftovers.sh

# ---- how ----

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wwrite-strings
# -Wvla: no stack use that the input decides.
WARNINGS += -Wvla
WARNINGS += $(if $(WERROR),-Werror)

# -fPIC everywhere: the same objects make both libraries and the programs.
# -fvisibility=hidden: shmchan.h makes its own declarations visible again.
all_cflags = -std=gnu11 -Ilib -Itools -Itests -pthread -fPIC -fvisibility=hidden -MMD -MP $(WARNINGS) \
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
check = $(shell $(PKG_CONFIG) --libs check)

Q := $(if $(V),,@)
say = @$(if $(V),:,printf '  %-7s %s\n' $(1) $@)

LIBRARIES := $(addprefix $(BUILD)/,libshmchan.a $(SOFILE) $(SONAME) libshmchan.so)

all: lib $(PROGRAMS:%=$(BUILD)/%) $(BUILD)/chand	## Build the libraries and programs (the default)

lib: $(LIBRARIES)	## Build the libraries only

$(BUILD)/%.o: %.c Makefile
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) -c -o $@ $<

# It carries the completions (.incbin), which -MMD can't see.
$(BUILD)/tools/ctl/completion.o: $(wildcard tools/completions/*)

$(BUILD)/$(SOFILE): $(LIB_OBJ) lib/shmchan.map
	$(call say,LD)
	$(Q)$(CC) $(so_ldflags) $(all_ldflags) -o $@ $(LIB_OBJ)

$(BUILD)/$(SONAME) $(BUILD)/libshmchan.so: $(BUILD)/$(SOFILE)
	@ln -sf $(SOFILE) $@

# The static library is one object that shows the same names as the shared one:
# internals can't collide with a user's.
$(BUILD)/libshmchan.a: $(LIB_OBJ) lib/shmchan.map
	$(call say,AR)
	$(Q)sed -n 's/^\t\(chan_.*\);/\1/p' lib/shmchan.map >$(BUILD)/public
	$(Q)$(CC) $(CFLAGS) -r -nostdlib -o $(BUILD)/shmchan.o $(LIB_OBJ)
	$(Q)$(OBJCOPY) --keep-global-symbols=$(BUILD)/public $(BUILD)/shmchan.o
	@rm -f $@
	$(Q)$(AR) rcs $@ $(BUILD)/shmchan.o

# q, not r: files of the same name in two folders are two members.  The programs link
# the public library, which hides what lies in lib/base.
$(BUILD)/tools.a: $(TOOL_OBJ) $(BASE_OBJ)
	$(call say,AR)
	@rm -f $@; mkdir -p $(@D)
	$(Q)$(AR) qcs $@ $^

.SECONDEXPANSION:
$(PROGRAMS:%=$(BUILD)/%): $(BUILD)/chan%: $(BUILD)/tools/$$*/chan$$*.o $(BUILD)/tools.a $(BUILD)/libshmchan.a
	$(call say,LD)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(jansson) -lm

$(BUILD)/daemon.a: $(DAEMON_OBJ)
	$(call say,AR)
	@rm -f $@; mkdir -p $(@D)
	$(Q)$(AR) rcs $@ $^

# It sees the library's internals.
$(BUILD)/chand: $(BUILD)/daemon/main.o $(BUILD)/daemon.a $(LIB_OBJ) $(BUILD)/tools.a
	$(call say,LD)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(uring) $(jansson) -lm

$(BUILD)/tests/support.a: $(SUPPORT_OBJ)
	$(call say,AR)
	@rm -f $@; mkdir -p $(@D)
	$(Q)$(AR) rcs $@ $^

# Tests see the library's internals, so they link its objects.
test_support = $(filter-out $(TEST_BIN:=.o) $(STEPKILL_OBJ) $(SUPPORT_OBJ),\
	$(filter $(BUILD)/$(1)%,$(TEST_OBJ)))

$(TEST_BIN): $(BUILD)/%: $(BUILD)/%.o $$(call test_support,$$(dir $$*)) \
		$(BUILD)/tests/support.a $(BUILD)/daemon.a $(LIB_OBJ) $(BUILD)/tools.a
	$(call say,LD)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(check) $(uring) $(jansson) -lm

$(STEPKILL): $(STEPKILL_OBJ) $(BUILD)/tests/support.a $(LIB_OBJ) $(BUILD)/tools.a
	$(call say,LD)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(jansson) -lm

-include $(patsubst %.o,%.d,$(LIB_OBJ) $(TEST_OBJ) $(TOOL_OBJ) $(DAEMON_OBJ) \
	$(BUILD)/daemon/main.o $(PROGRAM_OBJ))

# ---- tests ----

test: deps-test	## Install what the tests need, build and run them (quick forms)
	@$(MAKE) --no-print-directory check

check: all test-programs	## The same, installing nothing
	@$(run_tests) --quick $(TESTS)

test-programs: $(TEST_BIN) $(STEPKILL)	## Build the test programs only

export CC SANITIZE CONDVAR
run_tests = BUILD='$(abspath $(BUILD))' tests/run

N ?= 1

proof: $(STEPKILL) $(BUILD)/tests/storm/prog_storm	## N=1 passes of the proofs in their full form
	@BUILD='$(abspath $(BUILD))' tests/proof '$(N)' $(PROOFS) tests/leftovers.sh

# Every form that has to pass before a release.  Each line is a build of its own.
check-all: deps-all	## Everything: long forms, variants, clang, valgrind, AArch64 (hours)
	$(MAKE) WERROR=1 proof
	$(MAKE) WERROR=1 check-full
	$(MAKE) WERROR=1 CC=clang BUILD=build-clang check
	$(MAKE) WERROR=1 CONDVAR=pthread check
	$(MAKE) WERROR=1 SANITIZE=address,undefined check
	$(MAKE) WERROR=1 SANITIZE=thread check-threads
	$(MAKE) check-valgrind
	$(MAKE) WERROR=1 check-aarch64

check-full: all test-programs
	@$(run_tests) --full $(filter-out $(PROOFS),$(TESTS))

check-threads: all test-programs
	@$(run_tests) --quick $(CHECKS) tests/leftovers.sh

check-valgrind: all test-programs	## The tests of library and tools in C under valgrind
	@WRAP='valgrind -q --error-exitcode=99 --leak-check=full' \
		$(run_tests) --quick $(filter $(BUILD)/tests/lib/% $(BUILD)/tests/tools/%,$(CHECKS)) \
		tests/leftovers.sh

check-aarch64:	## Cross-compile for AArch64 and run a smoke test under qemu
	$(MAKE) CROSS_COMPILE=aarch64-linux-gnu- BUILD=build-aarch64 lib
	CC=aarch64-linux-gnu-gcc BUILD='$(abspath build-aarch64)' tests/run --quick tests/aarch64.sh tests/leftovers.sh

lint:	## Check the layers, the scripts and the man pages
	@tests/lib/lint.sh

demo: deps	## Install what the build needs, build, and show what shmchan does
	@$(MAKE) --no-print-directory all
	@BUILD='$(abspath $(BUILD))' tests/demo.sh

bench: all test-programs	## Measure what shmchan is good at, on this machine (root counts futex calls)
	@BUILD='$(abspath $(BUILD))' tests/bench/measure

# ---- packages that are needed, for apt ----

DEPS := gcc libc6-dev pkg-config libjansson-dev liburing-dev
DEPS_TEST := $(DEPS) g++ clang libclang-rt-dev check jq mandoc shellcheck bash-completion zsh fish \
	spin procps musl-tools systemd-container mmdebstrap \
	$(if $(filter x86_64,$(shell uname -m)),libc6-dev-i386 lib32gcc-12-dev)
DEPS_ALL := $(DEPS_TEST) valgrind gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user

deps: packages := $(DEPS)
deps-test: packages := $(DEPS_TEST)
deps-all: packages := $(DEPS_ALL)
deps:	## Install the packages that the build needs, if any is missing
deps deps-test deps-all:
	@command -v dpkg-query >/dev/null || { \
		echo 'not a Debian system: please see to it that these are there: $(packages)'; exit 0; }; \
	missing=; for p in $(packages); do \
		case $$(dpkg-query -W -f '$${Status}' $$p 2>/dev/null) in \
		*' installed') ;; *) missing="$$missing $$p" ;; esac; done; \
	[ -z "$$missing" ] && exit 0; \
	echo "installing:$$missing"; \
	root=; [ "$$(id -u)" = 0 ] || root='sudo'; \
	$$root apt-get -qq update && \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		install $$missing >/dev/null

# ---- install ----

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

UNITS := $(patsubst %.in,%,$(filter-out %.sysusers %.tmpfiles %/user,$(wildcard systemd/*)))
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

# ---- the rest ----

clean:	## Remove all build directories
	rm -rf build build-* $(BUILD)

compile_commands.json: $(BUILD)/compile_commands.json	## Write one, for editors, to the build directory

$(BUILD)/compile_commands.json: Makefile
	@mkdir -p $(@D)
	$(Q){ sep='['; for f in $(wildcard lib/*/*.c daemon/*.c tools/*/*.c tests/*/*.c); do \
		printf '%s\n{"directory": "%s", "file": "%s", "command": "%s"}' \
			"$$sep" '$(CURDIR)' $$f '$(CC) $(strip $(all_cflags)) -c '$$f; sep=,; \
	done; printf '\n]\n'; } >$@

help:	## List the targets
	@sed -n 's/^\([a-z_.-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | \
		while IFS='	' read -r t d; do printf '  %-22s %s\n' "$$t" "$$d"; done

.PHONY: all lib test bench check proof check-all check-full check-threads check-valgrind check-aarch64 \
	test-programs lint units demo deps deps-test deps-all install uninstall clean help \
	compile_commands.json $(BUILD)/compile_commands.json
