//! Tests in the machine, in a program of their own that begins as the kernel does.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use kernel::{board, testing};

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    board::enable_fpu();
    testing::run(&[
        ("boots::two_and_two_is_four", two_and_two_is_four),
        (
            "boots::statics_without_a_value_are_zero",
            statics_without_a_value_are_zero,
        ),
    ])
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    testing::failed(info)
}

fn two_and_two_is_four() {
    assert_eq!(core::hint::black_box(2) + 2, 4);
}

fn statics_without_a_value_are_zero() {
    static ZEROED: [u8; 1000] = [0; 1000];
    assert!(core::hint::black_box(&ZEROED).iter().all(|byte| *byte == 0));
}
