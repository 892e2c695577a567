# SPDX-License-Identifier: MIT
#
# The packages that are needed, for apt.  Included by the Makefile.

DEPS := gcc libc6-dev pkg-config libjansson-dev libncurses-dev liburing-dev
DEPS_TEST := $(DEPS) \
	check clang clang-format libclang-rt-dev g++ shellcheck spin \
	jq mandoc procps strace tmux bash-completion zsh fish \
	python3 python3-pip python3-setuptools python3-wheel mypy golang-go rustc cargo nodejs \
	libuv1-dev libglib2.0-dev libsystemd-dev musl-tools \
	systemd-container mmdebstrap \
	$(if $(filter x86_64,$(shell uname -m)),libc6-dev-i386 lib32gcc-12-dev)
DEPS_ALL := $(DEPS_TEST) valgrind prometheus gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user

# What shmchan is compared with.  One that can't be had leaves the others.
DEPS_PEERS := g++ libboost-dev libzmq3-dev libnng-dev libqb-dev libiceoryx-posh-dev \
	libiceoryx-hoofs-dev iceoryx

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

deps-peers: deps
	@for p in $(DEPS_PEERS); do \
		$(MAKE) --no-print-directory deps DEPS="$$p" || echo "$$p can't be installed"; \
	done

.PHONY: deps deps-test deps-all deps-peers
