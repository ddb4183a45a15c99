//! Interrupts that are let in with a table that has no gate for them.

#![no_std]
#![no_main]

include!("frame.inc");
include!("idt.inc");

#[inline(never)]
fn cause() {
    load_idt(3, return_from_interrupt);
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("sti", "2: pause", "jmp 2b") } // FAULT
}
