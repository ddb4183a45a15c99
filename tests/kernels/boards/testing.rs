//! Tests that run on a board, by the protocol that kernel/src/testing.rs describes, without times: no clock is set up.

use core::fmt::Display;

use crate::{board, say};

/// One test: what `kernel_test!` leaves in the section.
#[repr(C)]
pub struct Test {
    pub name: &'static str,
    pub function: fn(),
}

unsafe extern "C" {
    // The linker gives these two to every section whose name is an identifier.
    static __start_bootwright_tests: [usize; 0];
    static __stop_bootwright_tests: [usize; 0];
}

/// Runs every test of this program, says so on the serial port and leaves the machine with success.
pub fn run() -> ! {
    let first = (&raw const __start_bootwright_tests).cast::<Test>();
    let end = (&raw const __stop_bootwright_tests).cast::<Test>();
    let count = (end.addr() - first.addr()) / size_of::<Test>();
    // SAFETY: the linker put nothing but `Test`s between the two symbols, without gaps.
    let tests = unsafe { core::slice::from_raw_parts(first, count) };
    say!("[test] plan {}", tests.len());
    for test in tests {
        say!("[test] start {}", test.name);
        (test.function)();
        say!("[test] ok");
    }
    say!("[test] end");
    board::exit(0)
}

/// Says that the running test failed, and why; the program ends with it.
pub fn failed(reason: impl Display) {
    say!("[test] failed\n{reason}\n[test] end");
}
