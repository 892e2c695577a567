#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The examples of README.md do what it says: every ```c block is compiled,
# without a warning, and run, and so is a ```cpp block; a ```rust, ```python, ```go, ```js or ```zig block is run with the library and the
# binding where they are found; every ```sh block that follows the line `<!-- run -->` is
# run with the programs in the PATH.  Where a block is followed by a ```text block, that is its output.  Only
# the channel is another one than `jobs`, which may be in use.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
: "${CC:=cc}"
channel_name
channel=$ch

# Blocks as files: 01.c 02.sh 02.text ..., an output named after its block.
awk -v dir="$t" '
	/^```/ && inside { inside = 0; close(file); next }
	/^<!-- run -->$/ { run = 1; next }
	/^```c$/ { n++; file = sprintf("%s/%02d.c", dir, n); inside = 1; last = 1; next }
	/^```cpp$/ { n++; file = sprintf("%s/%02d.cpp", dir, n); inside = 1; last = 1; next }
	/^```rust$/ { n++; file = sprintf("%s/%02d.rs", dir, n); inside = 1; last = 1; next }
	/^```python$/ { n++; file = sprintf("%s/%02d.py", dir, n); inside = 1; last = 1; next }
	/^```js$/ { n++; file = sprintf("%s/%02d.js", dir, n); inside = 1; last = 1; next }
	/^```go$/ { n++; file = sprintf("%s/%02d.go", dir, n); inside = 1; last = 1; next }
	/^```zig$/ { n++; file = sprintf("%s/%02d.zig", dir, n); inside = 1; last = 1; next }
	/^```sh$/ && run { n++; file = sprintf("%s/%02d.sh", dir, n); inside = 1; last = 1; run = 0; next }
	/^```text$/ && last { file = sprintf("%s/%02d.text", dir, n); inside = 1; last = 0; next }
	/^```/ { inside = 1; file = "/dev/null"; last = 0; next }
	inside { print >file; next }
	NF { run = 0 }
' <(sed -E "s/\<jobs\>([^][]|$)/$channel\1/g" README.md)

# Sanitized objects need their runtime.
sanitize=${SANITIZE:+-fsanitize=$SANITIZE}

# binding WHAT PROGRAM: can it be run?
binding() {
	[ -z "${SANITIZE-}" ] || {
		not_tried "$1 (it is not built with sanitizers)"
		return 1
	}
	has_program "$2"
}

# A program in Go, with the package beside it.
build_go() {
	mkdir -p "$t/go" && cp "$1" "$t/go/main.go" &&
		printf 'module program\n\ngo 1.19\n\nrequire shmchan v0.0.0\n\nreplace shmchan => %s\n' \
			"$root/lib/bindings/go" >"$t/go/go.mod" &&
		env -C "$t/go" GOFLAGS=-mod=mod GOPROXY=off GOPATH="$t/gopath" GOCACHE="$BUILD/go-cache" \
			CGO_CFLAGS="-O2 -I$root/lib -DHEADER=$(cksum <lib/shmchan.h | cut -d" " -f1)" CGO_LDFLAGS="-L$BUILD" go build -o "$t/program"
}

# A program in Zig, with the module.
: "${ZIG:=$(command -v zig || echo "$BUILD/zig/zig")}"
build_zig() {
	"$ZIG" build-exe -lc -I "$root/lib" -L "$BUILD" -lshmchan --cache-dir "$BUILD/zig-cache" \
		--global-cache-dir "$BUILD/zig-cache" -femit-bin="$t/program" --dep shmchan \
		-Mroot="$1" -lc -I "$root/lib" -Mshmchan="$root/lib/bindings/zig/src/shmchan.zig"
}

# A program in Rust, with the crate beside it.
build_rust() {
	rustc --edition 2021 --crate-type rlib --crate-name shmchan -L "$BUILD" --out-dir "$t" \
		lib/bindings/rust/src/lib.rs &&
		rustc --edition 2021 -D warnings --crate-name program --extern shmchan="$t/libshmchan.rlib" \
			-L "$BUILD" -o "$t/program" "$1"
}

for block in "$t"/*.c "$t"/*.cpp "$t"/*.rs "$t"/*.py "$t"/*.go "$t"/*.js "$t"/*.zig "$t"/*.sh; do
	[ -e "$block" ] || { fail "README.md has no example to run: ${block##*/}"; continue; }
	case $block in
	*.c)
		# shellcheck disable=SC2086
		"$CC" -std=c11 -Wall -Wextra -Werror $sanitize -Ilib -pthread "$block" \
			-o "$t/program" "$BUILD/libshmchan.a" || { fail "README.md, block ${block##*/}: does not compile"; continue; }
		run=("$t/program")
		;;
	*.cpp)
		has_program g++ || continue
		# shellcheck disable=SC2086
		g++ -std=c++17 -Wall -Wextra -Werror $sanitize -Ilib -Ilib/bindings/cpp -pthread "$block" \
			-o "$t/program" "$BUILD/libshmchan.a" || { fail "README.md, block ${block##*/}: does not compile"; continue; }
		run=("$t/program")
		;;
	*.rs)
		binding Rust rustc || continue
		build_rust "$block" || { fail "README.md, block ${block##*/}: does not compile"; continue; }
		run=(env LD_LIBRARY_PATH="$BUILD" "$t/program")
		;;
	*.py)
		binding Python python3 || continue
		run=(env LD_LIBRARY_PATH="$BUILD" PYTHONPATH="$root/lib/bindings/python" PYTHONDONTWRITEBYTECODE=1 python3 "$block")
		;;
	*.go)
		binding Go go || continue
		build_go "$block" || { fail "README.md, block ${block##*/}: does not compile"; continue; }
		run=(env LD_LIBRARY_PATH="$BUILD" "$t/program")
		;;
	*.zig)
		binding Zig "$ZIG" || continue
		build_zig "$block" || { fail "README.md, block ${block##*/}: does not compile"; continue; }
		run=(env LD_LIBRARY_PATH="$BUILD" "$t/program")
		;;
	*.js)
		binding Node node || continue
		mkdir -p "$t/node_modules" && ln -sfn "$root/lib/bindings/node" "$t/node_modules/shmchan" &&
			make --no-print-directory -s node-addon BUILD="$BUILD" >&2
		run=(env LD_LIBRARY_PATH="$BUILD" SHMCHAN_ADDON="$BUILD/shmchan.node" node --preserve-symlinks "$block")
		;;
	*.sh) run=(bash -e "$block") ;;
	esac
	(cd "$t" && timeout 60 "${run[@]}" >out 2>&1 </dev/null)
	status=$?
	if [ $status != 0 ]; then
		fail "README.md, block ${block##*/}: status $status"
		cat "$block" "$t/out"
	elif [ -e "${block%.*}.text" ] && ! diff -u "${block%.*}.text" "$t/out"; then
		fail "README.md, block ${block##*/}: prints something else"
	else
		pass "README.md, block ${block##*/}"
	fi
done

finish 'examples of README.md run as printed'
