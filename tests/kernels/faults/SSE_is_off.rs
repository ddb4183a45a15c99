//! An SSE instruction before SSE is on.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("xorps xmm0, xmm0") } // FAULT
}
