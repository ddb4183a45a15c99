//! A wait for something that does not come.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let flag = core::sync::atomic::AtomicBool::new(false);
    let flag = core::hint::black_box(&flag);
    // SAFETY: it reads the flag, again and again.
    unsafe { core::arch::asm!("2: pause", "cmp byte ptr [{}], 0", "je 2b", in(reg) flag) } // FAULT
}
