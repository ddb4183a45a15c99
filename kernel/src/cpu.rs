//! The few processor instructions that Rust has no word for.

use core::arch::asm;

/// Halts for good: the processor sleeps until an interrupt comes, and sleeps again.
pub fn halt() -> ! {
    loop {
        // SAFETY: hlt touches no memory; the loop makes it safe to be woken.
        unsafe { asm!("hlt", options(nomem, nostack, preserves_flags)) };
    }
}

/// Whether the processor takes interrupts: the flag IF, bit 9 of rflags.
#[must_use]
pub fn interrupts_are_on() -> bool {
    let rflags: u64;
    // SAFETY: what is pushed is popped again.
    unsafe { asm!("pushfq", "pop {}", out(reg) rflags, options(preserves_flags)) };
    rflags & 1 << 9 != 0
}
