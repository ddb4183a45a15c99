//! A selector that lies behind the end of the GDT.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("mov ds, {0:x}", in(reg) 0x1230_u32) } // FAULT
}
