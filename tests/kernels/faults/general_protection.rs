//! A far return to the null selector.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("push 0", "push 0", "retfq") } // FAULT
}
