//! A read through a pointer that cannot exist.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let pointer = core::hint::black_box(0xdead_beef_dead_beef_usize as *const u8);
    // SAFETY: none; that is the fault.
    let value = unsafe { pointer.read_volatile() }; // FAULT
    core::hint::black_box(value);
}
