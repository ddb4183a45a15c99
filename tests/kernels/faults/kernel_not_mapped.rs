//! Page tables of its own, in which the kernel is not.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let tables = 96u64 << 20; // nobody has used that memory: all entries are 0
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("mov cr3, {}", "nop", in(reg) tables) }; // FAULT
}
