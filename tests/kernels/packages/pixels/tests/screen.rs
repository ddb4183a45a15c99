//! The mode is the one of 320 by 200 pixels, a byte each.
#![no_std]
#![no_main]

use bootloader::{entry_point, BootInfo};

entry_point!(main);

fn main(_: &'static BootInfo) -> ! {
    pixels::write("screen::the_registers_are_those_of_mode_13h... ");
    // Graphics controller: 256 colours; 64 KiB at A0000, no text. Sequencer: the four planes as one row of bytes.
    assert_eq!(pixels::register(0x3ce, 5) & 0x60, 0x40);
    assert_eq!(pixels::register(0x3ce, 6) & 0x0f, 0x05);
    assert_eq!(pixels::register(0x3c4, 4) & 0x08, 0x08);
    pixels::write("[ok]\nscreen::each_pixel_keeps_its_colour... ");
    for row in 0..200 {
        for column in 0..pixels::WIDTH {
            pixels::set(column, row, (row * 7 + column) as u8);
        }
    }
    for row in 0..200 {
        for column in 0..pixels::WIDTH {
            assert_eq!(pixels::get(column, row), (row * 7 + column) as u8);
        }
    }
    pixels::write("[ok]\n");
    pixels::exit(true)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    pixels::write("[failed]\n");
    pixels::exit(false)
}
