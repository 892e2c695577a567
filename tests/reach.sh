# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by tests that run programs as other users.

# reach DIR: BUILD is where they can.  A tree in root's home they can't enter, so what
# they run is copied to DIR.
reach() {
	[ "$(id -u)" = 0 ] || return 0
	setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$BUILD/chanctl" && return
	mkdir "$1/build" &&
		(cd "$BUILD" && cp -a --parents chand chanctl chansend chanrecv chanbench \
			tests/daemon/prog_* "$1/build") &&
		chmod 755 "$1" || exit
	BUILD=$1/build
}
