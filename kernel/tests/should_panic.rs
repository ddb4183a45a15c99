//! A test that passes by panicking: such a program holds one test, as a panic is the end of it.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use hello::kernel_test;

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    hello::testing::run_expecting_panic()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hello::panic::expected(info)
}

kernel_test! {
    fn a_false_assertion_panics() {
        assert_eq!(1, 2);
    }
}
