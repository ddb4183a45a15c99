//! Compiles native/, makes a table of squares, and tells the crate what it was built with.
mod table;

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=native");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed=MIXED_LEVEL");
    println!("cargo::rustc-check-cfg=cfg(loud)");

    let level = env::var("MIXED_LEVEL").unwrap_or_else(|_| "3".into());
    println!("cargo::rustc-env=MIXED_BUILT_AT={level}");
    if level.parse::<u32>().expect("MIXED_LEVEL is a number") > 5 {
        println!("cargo::rustc-cfg=loud");
    }
    println!("cargo::metadata=level={level}");

    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    fs::write(out.join("squares.rs"), table::squares(16)).unwrap();

    cc::Build::new()
        .files(["native/checksum.c", "native/port.S"])
        .include("native/include")
        .define("SEED", Some(level.as_str()))
        .flags([
            "-ffreestanding",
            "-mno-red-zone",
            "-mgeneral-regs-only",
            "-fno-stack-protector",
        ])
        .pic(false)
        .compile("mixed_native");
}
