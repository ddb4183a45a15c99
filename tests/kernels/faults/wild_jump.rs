//! A call to an address where nothing is.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let function = core::hint::black_box(0x1ead_beef_0000_usize);
    // SAFETY: none; that is the fault.
    let function: extern "C" fn() = unsafe { core::mem::transmute(function) };
    function(); // FAULT
    core::hint::black_box(());
}
