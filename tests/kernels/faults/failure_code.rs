//! An exit with the code of failure.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: the device ends QEMU.
    unsafe { core::arch::asm!("out dx, eax", in("dx") 0xf4_u16, in("eax") 0x11) } // FAULT
}
