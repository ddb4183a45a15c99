//! A place that the program said it never reaches.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: ud2 ends the program.
    unsafe { core::arch::asm!("ud2") } // FAULT
}
