//! Pixels, ports and a verdict, without any other crate.
#![no_std]

use core::arch::asm;

pub const WIDTH: usize = 320;
const SCREEN: *mut u8 = 0xa0000 as *mut u8;

pub fn set(column: usize, row: usize, colour: u8) {
    assert!(column < WIDTH && row < 200);
    // SAFETY: mode 13h shows 64,000 bytes, which the loader mapped to themselves.
    unsafe { SCREEN.add(row * WIDTH + column).write_volatile(colour) }
}

pub fn get(column: usize, row: usize) -> u8 {
    assert!(column < WIDTH && row < 200);
    // SAFETY: as above.
    unsafe { SCREEN.add(row * WIDTH + column).read_volatile() }
}

/// Reads a register of the VGA by its index.
pub fn register(port: u16, index: u8) -> u8 {
    let value: u8;
    // SAFETY: selecting and reading a register changes nothing.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") index);
        asm!("in al, dx", in("dx") port + 1, out("al") value);
    }
    value
}

pub fn write(text: &str) {
    for byte in text.bytes() {
        // SAFETY: the first serial port's data.
        unsafe { asm!("out dx, al", in("dx") 0x3f8_u16, in("al") byte) }
    }
}

pub fn exit(passed: bool) -> ! {
    // SAFETY: the port is QEMU's isa-debug-exit, or nobody's.
    unsafe {
        asm!("out dx, eax", in("dx") 0xf4_u16, in("eax") if passed { 0x10 } else { 0x11_u32 })
    };
    halt()
}

pub fn halt() -> ! {
    loop {
        // SAFETY: nothing is left to do.
        unsafe { asm!("cli", "hlt") }
    }
}
