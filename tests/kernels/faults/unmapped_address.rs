//! A read where nothing is mapped.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let pointer = core::hint::black_box(0x1ead_beef_0000_usize as *const u64);
    // SAFETY: none; that is the fault.
    let value = unsafe { pointer.read_volatile() }; // FAULT
    core::hint::black_box(value);
}
