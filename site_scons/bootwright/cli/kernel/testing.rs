//! Tests that run in the machine: each has a line, and the machine's status says whether all passed.

use core::panic::PanicInfo;

use crate::{board, print, println};

/// A test: its name as it is printed, `file::function`, and what it does.
pub type Test = (&'static str, fn());

/// Runs the tests, and leaves the machine.
pub fn run(tests: &[Test]) -> ! {
    for (name, test) in tests {
        print!("{name}... ");
        test();
        println!("[ok]");
    }
    board::exit(0)
}

/// Ends the test that panicked, and with it the program.
pub fn failed(info: &PanicInfo) -> ! {
    println!("[failed]\n{info}");
    board::exit(1)
}
