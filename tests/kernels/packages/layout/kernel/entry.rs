//! A program of another name than its package's, linked by a script that Cargo's configuration names.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(run_tests)]
#![reexport_test_harness_main = "test_main"]

mod machine;

use arrayvec::ArrayString;
use core::fmt::Write;
use machine::{address, Serial};

bitflags::bitflags! {
    struct Parts: u8 {
        const ENTRY = 1;
        const BANNER = 2;
        const END = 4;
    }
}

#[link_section = ".banner"]
#[used]
static BANNER: [u8; 17] = *b"in the upper half";
static FONT: &[u8] = include_bytes!(env!("LAYOUT_FONT"));

#[no_mangle]
extern "C" fn start_here() -> ! {
    #[cfg(test)]
    test_main();
    let mut line = ArrayString::<96>::new();
    write!(line, "{}: {}", env!("CARGO_BIN_NAME"), machine::banner()).unwrap();
    write!(line, ", {:#x}, board {}", address::start(), machine::BOARD).unwrap();
    writeln!(Serial, "{line}, development {}", cfg!(development)).unwrap();
    writeln!(
        Serial,
        "{} of {} parts, font {}",
        upper().iter().count(),
        3,
        FONT.len()
    )
    .unwrap();
    machine::halt()
}

/// Returns the parts that lie where the script puts them.
fn upper() -> Parts {
    let mut parts = Parts::empty();
    parts.set(
        Parts::ENTRY,
        start_here as *const () as usize >= address::BASE,
    );
    parts.set(Parts::BANNER, BANNER.as_ptr() as usize >= address::BASE);
    parts.set(Parts::END, address::end() >= address::BASE);
    parts
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Serial, "[failed]\n{info}");
    machine::exit(0x11)
}

#[allow(dead_code)]
fn run_tests(tests: &[&dyn machine::Case]) {
    tests.iter().for_each(|test| test.run());
    machine::exit(0x10)
}

#[test_case]
fn all_parts_are_in_the_upper_half() {
    assert!(upper().is_all());
}

#[test_case]
fn the_banner_is_the_environments() {
    assert_eq!(machine::banner(), env!("LAYOUT_BANNER"));
}

#[test_case]
fn the_font_was_read() {
    assert_eq!(FONT.iter().map(|byte| u32::from(*byte)).sum::<u32>(), 120);
}
