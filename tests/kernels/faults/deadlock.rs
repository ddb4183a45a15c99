//! A lock that is taken twice.

#![no_std]
#![no_main]

include!("frame.inc");

static LOCK: hello::spin::Mutex<u32> = hello::spin::Mutex::new(1);

#[inline(never)]
fn cause() {
    let first = LOCK.lock();
    let second = LOCK.lock(); // FAULT
    core::hint::black_box((*first, *second));
}
