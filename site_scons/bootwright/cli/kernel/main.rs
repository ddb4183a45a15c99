//! The kernel: it says "Hello World!".

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use kernel::{board, println};

/// Where the machine comes to. Its name is looked for, so it must not be mangled.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    board::enable_fpu();
    println!("Hello World!");
    REST
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    println!("{info}");
    board::exit(1)
}
