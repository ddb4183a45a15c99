//! The few processor instructions that Rust has no word for.

use core::arch::asm;

/// Halts for good: the processor sleeps until an interrupt comes, and sleeps again.
pub fn halt() -> ! {
    loop {
        // SAFETY: hlt touches no memory; the loop makes it safe to be woken.
        unsafe { asm!("hlt", options(nomem, nostack, preserves_flags)) };
    }
}
