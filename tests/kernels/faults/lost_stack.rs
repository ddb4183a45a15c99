//! A fault on a stack of zeroes, from where nothing leads back.

#![no_std]
#![no_main]

include!("frame.inc");

static mut ZEROES: [u64; 512] = [0; 512];

#[inline(never)]
fn cause() {
    let top = (&raw mut ZEROES).wrapping_add(1) as u64 - 2048;
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("mov rsp, {}", "mov qword ptr [8], 1", in(reg) top) } // FAULT
}
