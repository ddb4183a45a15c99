//! A division whose result does not fit.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let divisor = core::hint::black_box(0_u32);
    // SAFETY: none; that is the fault.
    unsafe {
        core::arch::asm!("div {0:e}", in(reg) divisor, inout("eax") 1 => _, inout("edx") 0 => _)
    } // FAULT
}
