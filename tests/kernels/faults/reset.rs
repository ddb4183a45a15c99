//! A reset through the keyboard controller.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: none; the machine begins anew.
    unsafe { core::arch::asm!("out 0x64, al", "2: pause", "jmp 2b", in("al") 0xfe_u8) } // FAULT
}
