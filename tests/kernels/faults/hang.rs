//! A wait for something that does not come.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let flag = core::sync::atomic::AtomicBool::new(false);
    let flag = core::hint::black_box(&flag);
    while !flag.load(core::sync::atomic::Ordering::Acquire) {} // FAULT
}
