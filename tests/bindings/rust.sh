#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The crate for Rust: its own tests, those in its documentation, its example, its form, and a
# program that uses it as installed.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
[ -z "${SANITIZE-}" ] || skip 'Rust is not built with sanitizers'
for program in rustc cargo; do
	command -v $program >/dev/null || skip "needs the program $program"
done
export SHMCHAN_LIB_DIR=$BUILD LD_LIBRARY_PATH=$BUILD CARGO_TARGET_DIR=$BUILD/cargo CARGO_NET_OFFLINE=true
export RUSTFLAGS='-D warnings' RUSTDOCFLAGS='-D warnings'
crate=$tmp/tree/usr/share/cargo/shmchan

# What is installed is tested, in a place of its own: cargo writes beside the sources.
check "it is installed" make --no-print-directory install-rust DESTDIR="$tmp/tree" PREFIX=/usr
cp -r lib/bindings/rust/tests "$crate"
in_crate() {
	(cd "$crate" && "$@")
}
check "its own tests pass" in_crate timeout 300 cargo test
n=$(grep -cE '^test .*(ok|compile fail.*ok)$' "$tmp/out")
[ "$n" -ge 29 ] || fail "only $n tests were run"
check "its example runs" in_crate timeout 60 cargo run -q --example two_processes
is "what the example prints" "$(grep received "$tmp/out")" 'received 1 and 2, and then the end'
if { cargo fmt --version && rustfmt --version; } >/dev/null 2>&1; then
	check "it is as rustfmt writes it" cargo fmt --check --manifest-path lib/bindings/rust/Cargo.toml
	check "the driver is, too" rustfmt --check --edition 2021 tests/bindings/rust/driver.rs
else
	not_tried 'the form (needs rustfmt)'
fi
if has_program rustdoc; then
	check "its documentation has no mistake" in_crate cargo doc --no-deps
fi
is "Cargo.toml has the version of the library" \
	"$(sed -n 's/^version = "\(.*\)"/\1/p' lib/bindings/rust/Cargo.toml)" \
	"$(sed -n 's/^#define CHAN_VERSION "\(.*\)"/\1/p' lib/shmchan.h)"

# Padding and pointers are refused for that reason.
refused() {
	printf 'shmchan::plain! { struct Refused { %s } }\nfn main() {}\n' "$1" >"$tmp/refused.rs"
	rustc --edition 2021 --emit metadata --out-dir "$tmp" -L "$CARGO_TARGET_DIR/debug" \
		--extern shmchan="$CARGO_TARGET_DIR/debug/libshmchan.rlib" "$tmp/refused.rs" >"$tmp/said" 2>&1
	grep -q "$2" "$tmp/said" || fail "'$1' is not refused as '$2': $(cat "$tmp/said")"
}
check "it is built" in_crate cargo build
refused 'a: u8, b: u32' 'there is padding between the fields'
refused "a: &'static str" 'Plain. is not \(implemented\|satisfied\)'
refused 'a: bool' 'Plain. is not \(implemented\|satisfied\)'

# Without the library, one line says what is missing.
fails 101 "it can't be built without the library" in_crate \
	env SHMCHAN_LIB_DIR="$tmp/nowhere" CARGO_TARGET_DIR="$tmp/target" cargo build
is "lines that say that the library is missing" \
	"$(grep -c "needs libshmchan 0.2 or newer: there is no $tmp/nowhere/libshmchan.so" "$tmp/said")" 1
if has_program pkg-config; then
	mkdir "$tmp/old"
	sed 's/@version@/0.1.0/' lib/shmchan.pc.in >"$tmp/old/shmchan.pc"
	fails 101 "it can't be built with an older library" in_crate env -u SHMCHAN_LIB_DIR \
		PKG_CONFIG_PATH="$tmp/old" CARGO_TARGET_DIR="$tmp/target" cargo build
	is "lines that say that the library is old" "$(grep -c 'needs libshmchan 0.2 or newer: ' "$tmp/said")" 1
fi
mkdir "$tmp/nothing"
LD_LIBRARY_PATH=$tmp/nothing "$CARGO_TARGET_DIR/debug/examples/two_processes" >"$tmp/said" 2>&1
case $(cat "$tmp/said") in
*libshmchan.so.0:*) is "lines that say that the library is missing" "$(wc -l <"$tmp/said")" 1 ;;
received*) not_tried 'the missing library (one is installed)' ;;
*) fail "without the library: $(cat "$tmp/said")" ;;
esac
check "it is uninstalled" make --no-print-directory uninstall-rust DESTDIR="$tmp/tree" PREFIX=/usr
is "what is left" "$(find "$tmp/tree" -type f)" ''
finish "$n tests of its own"
