//! A return from an exception that leaves its error code on the stack.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    // SAFETY: none; that is the fault.
    unsafe {
        core::arch::asm!("mov {0}, rsp", "push 0x10", "push {0}", "push 2", "push 8", "lea {0}, [rip + 2f]", "push {0}",
            "push 0", "iretq", "2: nop", out(reg) _); // FAULT
    }
}
