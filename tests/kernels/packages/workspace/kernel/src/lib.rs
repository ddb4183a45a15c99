//! The kernel's own library.
#![no_std]
#![cfg_attr(test, no_main)]
#![feature(custom_test_frameworks)]
#![test_runner(crate::run_tests)]
#![reexport_test_harness_main = "test_main"]

use spin::Lazy;

#[derive(macros::Names)]
pub enum State {
    Ready,
    Running,
    Blocked,
}

bitflags::bitflags! {
    #[derive(Debug, PartialEq)]
    pub struct Access: u8 {
        const READ = 1;
        const WRITE = 2;
    }
}

/// Words that are printed with something between.
pub struct Joined<'a>(&'a [&'a str]);

impl<'a> Joined<'a> {
    pub fn join_with(&self, between: &'a str) -> impl core::fmt::Display + '_ {
        core::fmt::from_fn(move |f| {
            for (index, word) in self.0.iter().enumerate() {
                write!(f, "{}{word}", if index > 0 { between } else { "" })?;
            }
            Ok(())
        })
    }
}

pub fn states() -> &'static Joined<'static> {
    static STATES: Lazy<Joined<'static>> = Lazy::new(|| Joined(State::NAMES));
    &STATES
}

pub fn run_tests(tests: &[&dyn Fn()]) {
    tests.iter().for_each(|test| test());
    hal::exit(0x10)
}

pub fn panicked(info: &core::panic::PanicInfo) -> ! {
    hal::print(format_args!("[failed]\n{info}\n"));
    hal::exit(0x11)
}

#[macros::kernel_test]
fn states_have_names() {
    assert_eq!(State::NAMES, ["Ready", "Running", "Blocked"]);
    assert_eq!(State::Blocked.name(), "Blocked");
}

#[macros::kernel_test]
fn rights_are_bits() {
    assert_eq!((Access::READ | Access::WRITE).bits(), 3);
}

#[cfg(test)]
#[no_mangle]
extern "C" fn _start() -> ! {
    test_main();
    hal::halt()
}

#[cfg(test)]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    panicked(info)
}
