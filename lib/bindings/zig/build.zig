// SPDX-License-Identifier: MIT
//
// The module `shmchan`.  In your build.zig:
//
//     const shmchan = b.dependency("shmchan", .{ .target = target, .optimize = optimize });
//     exe.root_module.addImport("shmchan", shmchan.module("shmchan"));
//
// libshmchan is found by pkg-config, or where -Dinclude=DIR and -Dlibdir=DIR say.
//
const std = @import("std");

pub fn build(b: *std.Build) void {
    const target = b.standardTargetOptions(.{});
    const optimize = b.standardOptimizeOption(.{});
    const include = b.option([]const u8, "include", "the folder of shmchan.h, if pkg-config does not know it");
    const libdir = b.option([]const u8, "libdir", "the folder of libshmchan.so, if pkg-config does not know it");

    const module = b.addModule("shmchan", .{
        .root_source_file = b.path("src/shmchan.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
    });
    find(module, include, libdir);

    const tests = b.addTest(.{
        .root_source_file = b.path("src/shmchan.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
    });
    find(&tests.root_module, include, libdir);
    const run = b.addRunArtifact(tests);
    run.has_side_effects = true; // it is about other processes: never from a cache
    b.step("test", "Run the tests").dependOn(&run.step);

    for ([_][]const u8{ "channel", "driver", "bench" }) |name| {
        const path = b.fmt("examples/{s}.zig", .{name});
        std.fs.cwd().access(b.pathFromRoot(path), .{}) catch continue;
        const exe = b.addExecutable(.{
            .name = name,
            .root_source_file = b.path(path),
            .target = target,
            .optimize = optimize,
        });
        exe.root_module.addImport("shmchan", module);
        b.installArtifact(exe);
    }
}

fn find(module: *std.Build.Module, include: ?[]const u8, libdir: ?[]const u8) void {
    if (include) |dir| module.addIncludePath(.{ .cwd_relative = dir });
    if (libdir) |dir| {
        module.addLibraryPath(.{ .cwd_relative = dir });
        module.addRPath(.{ .cwd_relative = dir });
        module.linkSystemLibrary("shmchan", .{ .use_pkg_config = .no });
    } else {
        module.linkSystemLibrary("shmchan", .{});
    }
}
