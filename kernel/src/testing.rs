//! Running the tests in the machine: the linker collected them in a section, and `run` walks it.
//!
//! What is printed on the serial port is a protocol; the builder reads each line from its mark on. A test that fails
//! says so on the text screen as well, of which the builder keeps a picture.
//!
//! ```text
//! [test] plan 2                        how many tests the section holds
//! [test] start hello::vga::scrolls     from here on a dead machine is this test's fault
//! [test] ok 153 us
//! [test] start hello::vga::wraps
//! [test] failed 20 us                  the panic's text follows, to the end of the run
//! [test] end                           last of all
//! ```

use core::fmt::Display;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{Clock, cycles};
use crate::exit::{Outcome, exit};
use crate::spin::Mutex;
use crate::test_case::Test;
use crate::vga::{Colour, WRITER};
use crate::{println, serial_println};

/// Makes the section exist, so that its two symbols do, in a program that has no test.
#[used]
#[unsafe(link_section = "bootwright_tests")]
static NO_TEST: [Test; 0] = [];

unsafe extern "C" {
    // The linker gives these two to every section whose name is an identifier.
    static __start_bootwright_tests: [usize; 0];
    static __stop_bootwright_tests: [usize; 0];
}

/// When the running test began, in cycles; 0 when none runs.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// Cycles of one second, for whoever ends a test that does not come back; 0 before the clock is measured.
static CLOCK: AtomicU64 = AtomicU64::new(0);

/// The name of the test that runs, or ran last.
static RUNNING: Mutex<&str> = Mutex::new("");

/// Whether a test is running: a panic is then the test's.
pub fn is_running() -> bool {
    STARTED.load(Ordering::Relaxed) != 0
}

/// Runs every test of this program, says so on the serial port and leaves the machine.
pub fn run() -> ! {
    for test in start() {
        begin(test);
        (test.function)();
        passed();
    }
    finish(Outcome::Passed)
}

/// Runs the one test of this program, which must panic; the program's panic handler calls `panic::expected`.
pub fn run_expecting_panic() -> ! {
    if let Some(test) = start().first() {
        begin(test);
        (test.function)();
        fail("the test did not panic")
    }
    finish(Outcome::Failed)
}

/// Ends the program as passed, whose running test should panic and did.
pub fn pass() -> ! {
    passed();
    finish(Outcome::Passed)
}

/// Ends the running test, and with it the program, as failed: after a panic nothing can be trusted to go on.
pub fn fail(reason: impl Display) -> ! {
    serial_println!("[test] failed {} us", elapsed());
    serial_println!("{reason}");
    // The picture that the builder keeps of a failure is of the screen.
    WRITER.lock().set_colour(Colour::LightRed, Colour::Black);
    println!("{} failed", *RUNNING.lock());
    println!("{reason}");
    finish(Outcome::Failed)
}

fn start() -> &'static [Test] {
    CLOCK.store(Clock::calibrate().cycles_per_second(), Ordering::Relaxed);
    let first = (&raw const __start_bootwright_tests).cast::<Test>();
    let end = (&raw const __stop_bootwright_tests).cast::<Test>();
    let count = (end.addr() - first.addr()) / size_of::<Test>();
    // SAFETY: the linker put nothing but `Test`s between the two symbols, without gaps.
    let tests = unsafe { core::slice::from_raw_parts(first, count) };
    serial_println!("[test] plan {}", tests.len());
    tests
}

fn begin(test: &Test) {
    serial_println!("[test] start {}", test.name);
    *RUNNING.lock() = test.name;
    STARTED.store(cycles().max(1), Ordering::Relaxed);
}

fn passed() {
    serial_println!("[test] ok {} us", elapsed());
    STARTED.store(0, Ordering::Relaxed);
}

fn finish(outcome: Outcome) -> ! {
    serial_println!("[test] end");
    exit(outcome)
}

fn elapsed() -> u64 {
    let clock = Clock::from_frequency(CLOCK.load(Ordering::Relaxed));
    clock.microseconds(cycles() - STARTED.load(Ordering::Relaxed))
}
