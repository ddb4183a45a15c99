//! A program whose test ends in a triple fault: it writes where nothing is mapped.

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
    fn it_says_something_first() {
        hello::serial_println!("before the end");
        // SAFETY: none; nothing is mapped there, and that is the test.
        unsafe { (0x1ead_beef_0000_u64 as *mut u8).write_volatile(1) }
    }
}
