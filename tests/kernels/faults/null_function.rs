//! A call of a function pointer that was never set.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let function = core::hint::black_box(0_usize);
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("call {}", in(reg) function, clobber_abi("C")) } // FAULT
}
