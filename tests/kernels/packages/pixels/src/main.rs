//! Fills the screen with all 256 colours.
#![no_std]
#![no_main]

use bootloader::{entry_point, BootInfo};

entry_point!(main);

fn main(_: &'static BootInfo) -> ! {
    for row in 0..200 {
        for column in 0..320 {
            pixels::set(column, row, ((column / 20) + (row / 13) * 16) as u8);
        }
    }
    pixels::write("256 colours\n");
    pixels::halt()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    pixels::halt()
}
