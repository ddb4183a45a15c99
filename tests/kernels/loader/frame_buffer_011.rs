//! A kernel of bootloader_api 0.11 without that crate, for `scons matrix`: says *Hello World!* on the serial port, paints
//! what frame buffer it is handed, and halts.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "and rsp, -16",
    "call {main}",
    main = sym main,
);

/// BootloaderConfig of 0.11.10 and later, as the crate writes it: its UUID, its version, a stack of 80 KiB, and the
/// loader's choice of each address.
#[used]
#[unsafe(link_section = ".bootloader-config")]
static CONFIG: [u8; 133] = {
    let mut config = [0; 133];
    let uuid = 0x3D25_1589_155C_55BB_A046_3609_61A9_3C74u128.to_le_bytes();
    let mut index = 0;
    while index < 16 {
        config[index] = uuid[index];
        index += 1;
    }
    config[18] = 11;
    config[20] = 15;
    let stack = (80u64 << 10).to_le_bytes();
    let mut index = 0;
    while index < 8 {
        config[23 + index] = stack[index];
        index += 1;
    }
    config
};

// BootInfo's fields, in bytes from its start: whether there is a frame buffer (0: there is), where, and its shape.
const FRAME_BUFFER: u64 = 24;
const ADDRESS: u64 = 32;
const LENGTH: u64 = 40;
const BYTES_PER_PIXEL: u64 = 72;
const STRIDE: u64 = 80;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    say("panic\n");
    halt()
}

fn say(text: &str) {
    for byte in text.bytes() {
        // SAFETY: the serial port's data register; QEMU's needs no setting up.
        unsafe { asm!("out dx, al", in("dx") 0x3F8u16, in("al") byte) }
    }
}

fn halt() -> ! {
    loop {
        // SAFETY: nothing is left to do.
        unsafe { asm!("cli", "hlt") }
    }
}

fn read(address: u64) -> u64 {
    // SAFETY: the handover maps what is read here.
    unsafe { (address as *const u64).read_volatile() }
}

extern "sysv64" fn main(info: u64) -> ! {
    if read(info + FRAME_BUFFER) as u32 == 0 {
        paint(info);
    }
    say("Hello World!\r\n");
    halt()
}

/// Stripes of 32 lines, each in another colour, so that a picture shows a wrong stride.
fn paint(info: u64) {
    let line = read(info + STRIDE) * read(info + BYTES_PER_PIXEL);
    let (mut at, end) = (
        read(info + ADDRESS),
        read(info + ADDRESS) + read(info + LENGTH),
    );
    let mut number = 0;
    while at + line <= end {
        let colour = [0x3Fu8, 0x7F, 0xBF, 0xFF][number / 32 % 4];
        // SAFETY: the frame buffer is handed over, and this line lies in it.
        unsafe { asm!("rep stosb", inout("rdi") at => _, inout("rcx") line => _, in("al") colour) }
        at += line;
        number += 1;
    }
}
