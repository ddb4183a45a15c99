//! A thread's own data, where there are no threads.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("mov rax, qword ptr fs:[-8]", out("rax") _) } // FAULT
}
