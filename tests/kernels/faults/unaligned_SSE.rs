//! A 16-byte store to an address that is no multiple of 16.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let mut room = core::hint::black_box([0_u64; 8]);
    let odd = (room.as_mut_ptr().addr() & !15) + 24;
    // SAFETY: none; SSE is switched on, and the store is the fault.
    unsafe {
        core::arch::asm!("mov rax, cr4", "or rax, 0x600", "mov cr4, rax", out("rax") _);
        core::arch::asm!("movaps xmmword ptr [{}], xmm0", in(reg) odd); // FAULT
    }
    core::hint::black_box(room);
}
