//! A write to a string literal.

#![no_std]
#![no_main]

include!("frame.inc");

static GREETING: &str = "Hello";

#[inline(never)]
fn cause() {
    let letter = core::hint::black_box(GREETING.as_ptr().cast_mut());
    // SAFETY: none; that is the fault.
    unsafe { letter.write_volatile(b'J') } // FAULT
}
