//! Bytes that are no instruction.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: none; 06 pushes ES in 32-bit code and is nothing in 64-bit code.
    unsafe { core::arch::asm!(".byte 0x06") } // FAULT
}
