//! A program of three tests that each fail: whichever comes first, two are not reached.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    hello::testing::run()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hello::panic::report(info)
}

hello::kernel_test! {
    fn one() {
        assert_eq!(2 + 2, 5);
    }
}

hello::kernel_test! {
    fn two() {
        assert_eq!(2 + 2, 6);
    }
}

hello::kernel_test! {
    fn three() {
        assert_eq!(2 + 2, 7);
    }
}
