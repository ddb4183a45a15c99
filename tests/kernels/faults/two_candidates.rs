//! A page fault that a handler steps over, and later one that nobody does.

#![no_std]
#![no_main]

include!("frame.inc");
include!("idt.inc");

// The handler of page faults skips the instruction, which has seven bytes, and takes itself out of the table.
core::arch::global_asm!(
    ".global step_over",
    "step_over: add rsp, 8",
    "add qword ptr [rsp], 7",
    "mov qword ptr [{idt} + 14 * 16], 0",
    "iretq",
    idt = sym IDT,
);

unsafe extern "C" {
    fn step_over();
}

#[inline(never)]
fn survives() {
    // SAFETY: the handler steps over it.
    unsafe { core::arch::asm!("mov qword ptr [{}], 1", in(reg) 0x1ead_beef_0000_u64) }
}

#[inline(never)]
fn cause() {
    load_idt(14, step_over);
    survives();
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("mov qword ptr [{}], 1", in(reg) 8_u64) } // FAULT
}
