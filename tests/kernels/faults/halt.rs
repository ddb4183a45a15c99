//! A halt with interrupts off.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: none is needed; nothing wakes the processor again.
    unsafe { core::arch::asm!("cli", "2: hlt", "jmp 2b") } // FAULT
}
