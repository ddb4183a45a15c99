//! Pages that are marked no-execute, and a processor that is told to know no such mark.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let screen = core::hint::black_box(0xb8000_usize);
    // SAFETY: none; that is the fault.
    unsafe {
        core::arch::asm!("rdmsr", "and eax, ~(1 << 11)", "wrmsr", "mov rax, cr3", "mov cr3, rax",
            "mov byte ptr [{}], 33", in(reg) screen, inout("ecx") 0xc000_0080_u32 => _, out("eax") _, out("edx") _); // FAULT
    }
}
