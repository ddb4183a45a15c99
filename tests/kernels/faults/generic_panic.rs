//! A panic in one instance of a generic function, of which another lies before it.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn take<T: Copy>(from: &[T], at: usize) -> T {
    assert!(at < from.len()); // FAULT
    from[at]
}

#[inline(never)]
fn cause() {
    let bytes = core::hint::black_box([1_u8, 2, 3]);
    let words = core::hint::black_box([1_u64]);
    core::hint::black_box(take(&bytes, 2));
    core::hint::black_box(take(&words, 2));
    core::hint::black_box(take(&bytes, 1));
}
