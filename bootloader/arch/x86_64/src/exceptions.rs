//! Exceptions in the loader: a sentence instead of a reset.

use core::arch::{asm, global_asm};

use common::failure::{Failure, Kind};

use crate::gdt;

unsafe extern "Rust" {
    /// The loader's own: tells the failure in whatever ways its firmware has.
    safe fn loader_fail(failure: &Failure) -> !;
}

const PAGE_FAULT: u64 = 14;

/// The vectors for which the processor pushes an error code before the return address.
const WITH_ERROR_CODE: u32 = {
    let (mut bits, mut index) = (0, 0);
    let vectors = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];
    while index < vectors.len() {
        bits |= 1 << vectors[index];
        index += 1;
    }
    bits
};

global_asm!(
    include_str!("exceptions.s"),
    CODE_64 = const gdt::CODE_64,
    EXCEPTION = sym exception,
    EXCEPTION_STACK_END = const layout::LOADER_EXCEPTION_STACK_END,
);

/// Loads the table of a loader that lies where the BIOS's stage does.
pub fn load() {
    unsafe extern "C" {
        static idt_pointer: u8;
    }
    // SAFETY: the table is the loader's own, and its tables map it.
    unsafe {
        asm!("lidt [{}]", in(reg) &raw const idt_pointer, options(nostack, readonly, preserves_flags))
    }
}

/// Called by the stubs with what is on the stack: the vector, an error code for some, and rip.
///
/// # Safety
/// A stub alone calls it.
pub unsafe extern "sysv64" fn exception(frame: *const [u64; 3]) -> ! {
    // SAFETY: the stub gives its own stack pointer, and at least vector, rip and cs are there.
    let [vector, second, third] = unsafe { *frame };
    let rip = if WITH_ERROR_CODE >> (vector & 31) & 1 == 1 {
        third
    } else {
        second
    };
    let guard = layout::LOADER_GUARD_ADDRESS..layout::LOADER_GUARD_ADDRESS + layout::PAGE_SIZE;
    if vector == PAGE_FAULT && guard.contains(&fault_address()) {
        loader_fail(&Kind::StackFull.with(rip, 0))
    }
    loader_fail(&Kind::Exception.with(vector, rip))
}

/// The address that the last page fault was about.
fn fault_address() -> u64 {
    let address: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags)) }
    address
}
