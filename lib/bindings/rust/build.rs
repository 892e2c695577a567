// SPDX-License-Identifier: MIT

//! Finds libshmchan: in the folder `SHMCHAN_LIB_DIR`, or where pkg-config says, or, if there
//! is no pkg-config, where the linker looks by itself.

use std::env;
use std::process::{exit, Command};

fn fail(why: &str) -> ! {
    eprintln!("the crate shmchan needs libshmchan 0.2 or newer: {why}; install it (make install), or set SHMCHAN_LIB_DIR to its folder");
    exit(1);
}

fn main() {
    println!("cargo:rerun-if-env-changed=SHMCHAN_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    if let Some(folder) = env::var_os("SHMCHAN_LIB_DIR") {
        let file = std::path::Path::new(&folder).join("libshmchan.so");
        if !file.exists() {
            fail(&format!("there is no {}", file.display()));
        }
        println!(
            "cargo:rustc-link-search=native={}",
            folder.to_string_lossy()
        );
        return;
    }
    let asked = Command::new("pkg-config")
        .args(["--print-errors", "--libs-only-L", "shmchan >= 0.2"])
        .output();
    if let Ok(answer) = asked {
        if !answer.status.success() {
            let why = String::from_utf8_lossy(&answer.stderr);
            fail(why.lines().last().unwrap_or("pkg-config does not find it"));
        }
        for folder in String::from_utf8_lossy(&answer.stdout).split_whitespace() {
            println!(
                "cargo:rustc-link-search=native={}",
                folder.trim_start_matches("-L")
            );
        }
    }
}
