//! A local below rsp, and a breakpoint whose frame is pushed over it.

#![no_std]
#![no_main]

include!("frame.inc");
include!("idt.inc");

#[inline(never)]
fn cause() {
    load_idt(3, return_from_interrupt);
    let mut room = 0_u64;
    // SAFETY: none; what the red zone held is gone after the breakpoint, and that is the fault.
    unsafe {
        core::arch::asm!("mov [rsp - 8], {0}", "mov [rsp - 16], {0}", "int3", "mov {0}, [rsp - 8]",
            "mov qword ptr [{0}], 1", inout(reg) &raw mut room => _); // FAULT
    }
    core::hint::black_box(room);
}
