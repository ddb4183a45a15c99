//! The kernel: it says "Hello World!" on the screen and on the serial port, and halts.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

#[cfg(not(bootwright_test))]
use hello::{println, serial_println};

/// Where the loader jumps to. The linker finds it by its name, so the name must not be mangled.
#[cfg(not(bootwright_test))]
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    println!("Hello World!");
    serial_println!("Hello World!");
    hello::cpu::halt()
}

/// The same program as a test: it runs every `kernel_test!` of the package's modules.
#[cfg(bootwright_test)]
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    hello::testing::run()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hello::panic::report(info)
}

hello::kernel_test! {
    fn the_loader_leaves_interrupts_off() {
        assert!(!hello::cpu::interrupts_are_on());
    }
}
