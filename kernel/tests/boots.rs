//! The kernel's own modules from the outside, in a program that begins as the kernel does.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use hello::{kernel_test, println, serial_print};

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    hello::testing::run()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hello::panic::report(info)
}

kernel_test! {
    fn println_works_right_after_the_start() {
        println!("println_works_right_after_the_start");
    }
}

kernel_test! {
    fn a_test_may_write_to_the_serial_port() {
        serial_print!("without an end of line");
    }
}

static ZEROED: [u8; 100_000] = [0; 100_000];

kernel_test! {
    fn statics_without_a_value_are_zero() {
        assert!(core::hint::black_box(&ZEROED).iter().all(|byte| *byte == 0));
    }
}
