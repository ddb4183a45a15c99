//! A kernel that panics: the person must see file, line and message, on the screen and on the serial port.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    hello::println!("before");
    panic!("nothing goes any more: {}", 42)
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hello::panic::report(info)
}
