//! Interrupts that are let in before there is a table of their handlers.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("sti", "2: pause", "jmp 2b") } // FAULT
}
