//! A panic.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let number = core::hint::black_box(3);
    assert_eq!(number, 4, "the answer"); // FAULT
}
