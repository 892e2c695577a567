#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The binding for Zig: its own tests, its form, what it refuses to compile, and a program that
# depends on it as installed.  ZIG is the compiler; `make deps-zig` gets one.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
[ -z "${SANITIZE-}" ] || skip 'Zig is not built with sanitizers'
: "${ZIG:=$(command -v zig || echo "$BUILD/zig/zig")}"
"$ZIG" version >/dev/null 2>&1 || skip 'needs zig, which Debian does not package: make deps-zig'
channel_name
export LD_LIBRARY_PATH=$BUILD ZIG_LOCAL_CACHE_DIR=$BUILD/zig-cache ZIG_GLOBAL_CACHE_DIR=$BUILD/zig-cache
places=("-Dinclude=$root/lib" "-Dlibdir=$BUILD")
source=lib/bindings/zig

check "written as zig fmt writes it" "$ZIG" fmt --check $source
check "its own tests pass" env -C $source timeout 300 "$ZIG" build test --summary all "${places[@]}"
n=$(sed -n 's/.*; \([0-9]*\)\/[0-9]* tests passed.*/\1/p' "$tmp/out" "$tmp/err" 2>/dev/null | head -n 1)
[ "${n:-0}" -ge 12 ] || fail "only ${n:-0} tests were run"
is "build.zig.zon has the version of the library" \
	"$(sed -n 's/^ *\.version = "\(.*\)",/\1/p' $source/build.zig.zon)" \
	"$(sed -n 's/^#define CHAN_VERSION "\(.*\)"/\1/p' lib/shmchan.h)"

# Installed, a program depends on it.
make --no-print-directory install-zig DESTDIR="$tmp/tree" zigdir=/shmchan >"$tmp/log" 2>&1 ||
	{ fail 'make install-zig failed:'; cat "$tmp/log"; }
mkdir "$tmp/program"
cat >"$tmp/program/build.zig.zon" <<'END'
.{
    .name = "program",
    .version = "0.0.1",
    .paths = .{""},
    .dependencies = .{ .shmchan = .{ .path = "../tree/shmchan" } },
}
END
cat >"$tmp/program/build.zig" <<'END'
const std = @import("std");
pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});
    const shmchan = b.dependency("shmchan", .{
        .target = target,
        .optimize = optimize,
        .include = b.option([]const u8, "include", "") orelse "",
        .libdir = b.option([]const u8, "libdir", "") orelse "",
    });
    const exe = b.addExecutable(.{ .name = "program", .root_source_file = b.path("main.zig"), .target = target, .optimize = optimize });
    exe.root_module.addImport("shmchan", shmchan.module("shmchan"));
    b.installArtifact(exe);
}
END
cp "$tmp/tree/shmchan/examples/channel.zig" "$tmp/program/main.zig"
check "a program that depends on it is built" \
	env -C "$tmp/program" timeout 300 "$ZIG" build -Doptimize=ReleaseSafe "${places[@]}"
channels+=("$ch")
"$tmp/program/zig-out/bin/program" receive "$ch" >"$tmp/received" &
receiver=$!
check "one process sends" timeout 60 "$tmp/program/zig-out/bin/program" send "$ch"
wait $receiver
is "another receives it all" "$(paste -sd, "$tmp/received")" '1 0.5,2 1,3 1.5'

# What has no meaning in another process does not compile.
for type in '[]const u8' '*u8' 'struct { x: u8 }' '?u8'; do
	sed "s/^const Job = .*/const Job = $type;/; s/for (1..4).*//" \
		"$tmp/tree/shmchan/examples/channel.zig" >"$tmp/program/main.zig"
	status 1 env -C "$tmp/program" "$ZIG" build "${places[@]}"
	grep -qE "can't be sent|layout of this program" "$tmp/err" && pass || fail "Channel($type) compiles"
done

make --no-print-directory uninstall-zig DESTDIR="$tmp/tree" zigdir=/shmchan >"$tmp/log" 2>&1
is "what is left by uninstall-zig" "$(find "$tmp/tree" ! -type d)" ''
finish "${n:-0} tests of its own"
