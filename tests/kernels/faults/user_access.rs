//! A step into user mode, on pages that are the kernel's.

#![no_std]
#![no_main]

include!("frame.inc");

/// Null, the kernel's code, user data, user code.
static GDT: [u64; 4] = [
    0,
    0x00af_9b00_0000_ffff,
    0x00cf_f300_0000_ffff,
    0x00af_fb00_0000_ffff,
];

#[inline(never)]
fn cause() {
    let pointer = [
        ((&raw const GDT).addr() as u64) << 16 | 31,
        (&raw const GDT).addr() as u64 >> 48,
    ];
    let stack = [0_u64; 8];
    // SAFETY: none; that is the fault.
    unsafe {
        core::arch::asm!("lgdt [{}]", "push 0x13", "push {}", "push 2", "push 0x1b", "lea {2}, [rip + 2f]", "push {2}",
            "iretq", "2: nop", in(reg) &pointer, in(reg) &stack, out(reg) _); // FAULT
    }
}
