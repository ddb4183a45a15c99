//! A global allocator on static memory, the serial port, and a runner of tests.
#![no_std]
#![cfg_attr(test, no_main)]
#![feature(custom_test_frameworks)]
#![test_runner(crate::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

pub mod memory;
pub mod serial;
pub mod testing;

#[cfg(test)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    memory::init();
    test_main();
    testing::exit(testing::Verdict::Passed)
}

#[cfg(test)]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    testing::panicked(info)
}
