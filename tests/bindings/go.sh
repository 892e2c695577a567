#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The binding for Go: its own tests, its form, and a program that uses it as installed.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
[ -z "${SANITIZE-}" ] || skip 'Go is not built with sanitizers'
command -v go >/dev/null || skip 'needs the program go'
channel_name
# HEADER: what Go keeps compiled depends on shmchan.h, which Go does not see.
header=$(cksum <lib/shmchan.h | cut -d' ' -f1)
export CGO_CFLAGS="-O2 -Wall -Werror -I$root/lib -DHEADER=$header" CGO_LDFLAGS="-L$BUILD" LD_LIBRARY_PATH=$BUILD
export GOFLAGS=-mod=mod GOPROXY=off GOCACHE=$BUILD/go-cache GOPATH=$tmp/go

is "what gofmt would change" "$(gofmt -l lib/bindings/go)" ''
check "go vet finds nothing" env -C lib/bindings/go go vet ./...
check "its own tests pass" env -C lib/bindings/go go test -count=1 -v -timeout 300s .
n=$(grep -c '^--- PASS' "$tmp/out")
[ "$n" -ge 16 ] || fail "only $n tests were run"

# Installed, a program is built with it, which says what is missing if the library is.
make --no-print-directory install-go DESTDIR="$tmp/tree" PREFIX=/usr >"$tmp/log" 2>&1 ||
	{ fail 'make install-go failed:'; cat "$tmp/log"; }
mkdir "$tmp/program"
cat >"$tmp/program/go.mod" <<END
module program

go 1.19

require shmchan v0.0.0

replace shmchan => $tmp/tree/usr/share/gocode/src/shmchan
END
cat >"$tmp/program/main.go" <<'END'
package main

import (
	"fmt"
	"shmchan"
)

func main() { fmt.Println(shmchan.Version()) }
END
check "a program is built with it" env -C "$tmp/program" go build -o "$tmp/there"
is "what it prints" "$("$tmp/there")" "$(sed -n 's/^#define CHAN_VERSION "\(.*\)"/\1/p' lib/shmchan.h)"
mkdir "$tmp/nothing"
LD_LIBRARY_PATH=$tmp/nothing "$tmp/there" >"$tmp/said" 2>&1
case $(cat "$tmp/said") in
*libshmchan.so.0:*) is "lines that say that the library is missing" "$(wc -l <"$tmp/said")" 1 ;;
[0-9]*) not_tried 'the missing library (one is installed)' ;;
*) fail "without the library: $(cat "$tmp/said")" ;;
esac
make --no-print-directory uninstall-go DESTDIR="$tmp/tree" PREFIX=/usr >/dev/null
is "what is left by uninstall-go" "$(find "$tmp/tree" ! -type d)" ''
finish "$n tests of its own"
