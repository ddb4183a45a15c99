//! The jump into a kernel: the last instructions of a loader, and the processor as bootloader 0.9 hands it over.

use core::arch::global_asm;

use common::boot::Ready;

global_asm!(include_str!("jump.s"));

unsafe extern "sysv64" {
    fn enter_kernel(
        root: u64,
        stack_end: u64,
        boot_info: u64,
        entry: u64,
        returned: extern "sysv64" fn() -> !,
    ) -> !;
}

/// Switches to the page tables at the frame `root` and calls the kernel; `returned` runs if the kernel returns.
///
/// # Safety
/// The tables must map this code, the GDT in use and `returned` at the address where they are now, and the kernel as
/// `ready` says. The GDT's descriptors have their accessed bits set, because the tables need not make it writable.
pub unsafe fn jump(root: u64, ready: &Ready, returned: extern "sysv64" fn() -> !) -> ! {
    // SAFETY: the caller's promise is all that enter_kernel needs.
    unsafe {
        enter_kernel(
            root,
            ready.stack_end,
            ready.boot_info,
            ready.entry,
            returned,
        )
    }
}
