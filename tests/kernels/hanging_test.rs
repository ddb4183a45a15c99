//! A program whose test never ends: only the time-out stops it.

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
        loop {
            core::hint::spin_loop();
        }
    }
}
