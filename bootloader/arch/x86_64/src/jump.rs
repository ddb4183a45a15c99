//! The jumps into a kernel: the last instructions of a loader, one for each way to enter; and what follows where one returns.

use core::arch::global_asm;

use common::boot::Entry;
use common::failure::Kind;

use crate::console;

global_asm!(
    include_str!("jump.s"),
    LOADER_TABLES_ADDRESS = const layout::LOADER_TABLES_ADDRESS,
    LOADER_STACK_END = const layout::LOADER_STACK_END,
    RETURNED = sym returned,
);

unsafe extern "sysv64" {
    fn call_kernel(root: u64, stack_end: u64, argument: u64, address: u64, sse: u64) -> !;
    fn jump_to_kernel(root: u64, stack_end: u64, argument: u64, address: u64) -> !;
}

/// Switches to the page tables at the frame `root` and enters the kernel.
///
/// # Safety
/// The tables must map the jumps and the kernel's GDT at the address where they are now, and the kernel as `entry` says.
pub unsafe fn enter(root: u64, entry: &Entry) -> ! {
    match *entry {
        Entry::Call64 {
            address,
            stack_end,
            argument,
            sse,
        } => {
            // SAFETY: the caller's promise is all that it needs.
            unsafe { call_kernel(root, stack_end, argument, address, sse.into()) }
        }
        Entry::Jump64 {
            address,
            stack_end,
            argument,
        } => {
            // SAFETY: as above.
            unsafe { jump_to_kernel(root, stack_end, argument, address) }
        }
    }
}

/// Runs on the loader's own tables and stack when a kernel's entry point returns; firmware is not called any more.
extern "sysv64" fn returned() -> ! {
    let failure = Kind::KernelReturned.alone();
    console::tell_ports(&failure);
    console::tell_cells(&failure);
    console::halt()
}
