//! A write through a null pointer.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let pointer = core::hint::black_box(core::ptr::null_mut::<u64>());
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("mov qword ptr [{}], 1", in(reg) pointer.wrapping_add(2)) } // FAULT
}
