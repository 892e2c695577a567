# SPDX-License-Identifier: MIT
#
# The tests: what they are made of, and the targets that run them.  Included by the
# Makefile; tests/README.md says how to add one.

# ---- what is built of what ----

TEST_SOURCES := $(wildcard tests/*/*.c)

# Test programs (Check), and programs that test scripts use.
TEST_PROGRAMS := $(wildcard tests/*/test_*.c tests/*/prog_*.c)
# Linked to any of them that needs it.
TEST_SUPPORT := $(filter-out $(TEST_PROGRAMS),$(wildcard tests/support/*.c))
# One program of its own.
TEST_STEPKILL := $(wildcard tests/stepkill/*.c)
# Each builds itself, with clang's fuzzer (tests/fuzz/run.sh).
TEST_FUZZ := $(wildcard tests/fuzz/*.c)
# Any other file is linked to each program of its directory.
TEST_BESIDE := $(filter-out $(TEST_PROGRAMS) $(TEST_SUPPORT) $(TEST_STEPKILL) $(TEST_FUZZ),\
	$(TEST_SOURCES))

TEST_BIN := $(TEST_PROGRAMS:%.c=$(BUILD)/%)
STEPKILL := $(BUILD)/tests/stepkill/stepkill

# ---- what is run ----

# The folders that mirror lib/ and tools/; tests/project checks the repository itself.
OF_SOURCES := base core segment kind channel bus tools
CHECKS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/*/test_*.c))
# Of the library, and run in long forms too.
PROOFS := $(STEPKILL) tests/stepkill/controls.sh \
	$(filter-out tests/daemon/%,$(wildcard tests/*/run.sh))
# For sourcing, or for a place of its own.
NO_TESTS := %/lib.sh %inside.sh
SCRIPTS := $(filter-out $(NO_TESTS) $(PROOFS),$(wildcard tests/*/*.sh))
LAST := tests/leftovers.sh
# Run one by one, behind all others: chand watches each channel of its user, so where that is who
# runs the tests there is no other test meanwhile.  (As root, most take another user.)  And each name
# that appears in /dev/shm wakes chand, so that it sleeps is seen where nobody else makes any.
ALONE := tests/inject/seccomp.sh tests/tools/inotify.sh tests/tools/unreachable.sh \
	tests/daemon/activation.sh tests/daemon/idle.sh \
	$(if $(filter-out 0,$(shell id -u)),tests/tools/bus.sh $(filter tests/daemon/% tests/workers/%,\
		$(SCRIPTS) $(PROOFS)))
# The proofs take longest, so they begin.
TESTS := $(filter-out $(ALONE),$(PROOFS) $(SCRIPTS) $(CHECKS)) -- $(ALONE) $(LAST)

# ---- the rules ----

$(BUILD)/tests/support.a: $(call obj,$(TEST_SUPPORT))

# Tests see the library's internals, so they link its objects.
beside = $(call obj,$(filter $(dir $(1))%,$(TEST_BESIDE)))

$(TEST_BIN): $(BUILD)/%: $(BUILD)/%.o $$(call beside,$$*) $(BUILD)/tests/support.a \
		$(BUILD)/daemon.a $(call obj,$(LIB)) $(BUILD)/tools.a
	$(call say,LD)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(check) $(uring) $(jansson) -lm

$(STEPKILL): $(call obj,$(TEST_STEPKILL)) $(BUILD)/tests/support.a $(call obj,$(LIB)) $(BUILD)/tools.a
	$(call say,LD)
	$(Q)$(CC) $(all_ldflags) -o $@ $^ $(jansson) -lm

-include $(patsubst %.c,$(BUILD)/%.d,$(filter-out $(TEST_FUZZ),$(TEST_SOURCES)))

# ---- targets ----

test: deps-test	## Install what the tests need, build and run them (quick forms)
	@$(MAKE) --no-print-directory check

check: all test-programs	## The same, installing nothing
	@$(run_tests) --quick $(TESTS)

test-programs: $(TEST_BIN) $(STEPKILL)	## Build the test programs only

export CC SANITIZE CONDVAR
run_tests = BUILD='$(abspath $(BUILD))' tests/run

N ?= 1

proof: $(STEPKILL) $(BUILD)/tests/storm/prog_storm $(BUILD)/tests/storm/prog_broadcast $(BUILD)/tests/storm/prog_calls \
		$(BUILD)/tests/storm/prog_ids $(BUILD)/tests/storm/prog_keys $(BUILD)/tests/storm/prog_late	## N=1 passes of the proofs in their full form
	@BUILD='$(abspath $(BUILD))' tests/proof '$(N)' $(PROOFS) $(LAST)

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
	@$(run_tests) --quick $(CHECKS) -- $(LAST)

check-valgrind: all test-programs	## The tests of library and tools in C under valgrind
	@WRAP='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite' \
		$(run_tests) --quick $(filter $(foreach d,$(OF_SOURCES),$(BUILD)/tests/$(d)/%),$(CHECKS)) \
		-- $(LAST)

check-aarch64:	## Cross-compile for AArch64 and run a smoke test under qemu
	$(MAKE) CROSS_COMPILE=aarch64-linux-gnu- BUILD=build-aarch64 lib
	CC=aarch64-linux-gnu-gcc BUILD='$(abspath build-aarch64)' tests/run --quick tests/aarch64.sh -- $(LAST)

test-bindings: all test-programs	## The bindings: their own tests, and the table of cases in each language, ten times
	@$(run_tests) --full $(wildcard tests/bindings/*.sh) -- $(LAST)

lint:	## Check the layers, the scripts and the man pages
	@tests/project/lint.sh

demo: deps	## Install what the build needs, build, and show what shmchan does
	@$(MAKE) --no-print-directory all
	@BUILD='$(abspath $(BUILD))' tests/demo.sh

bench: all test-programs	## Measure what shmchan is good at, on this machine (root counts futex calls)
	@BUILD='$(abspath $(BUILD))' tests/bench/measure

.PHONY: test check test-programs test-bindings proof check-all check-full check-threads check-valgrind \
	check-aarch64 lint demo bench
