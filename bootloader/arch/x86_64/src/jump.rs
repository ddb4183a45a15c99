//! The jumps into a kernel: the last instructions of a loader, one for each way to enter.

use core::arch::global_asm;

use common::boot::Entry;

global_asm!(include_str!("jump.s"));

type Jump = unsafe extern "sysv64" fn(u64, u64, u64, u64, u64) -> !;

unsafe extern "sysv64" {
    fn call_kernel(root: u64, stack_end: u64, argument: u64, address: u64, sse: u64) -> !;
    fn jump_to_kernel(root: u64, stack_end: u64, argument: u64, address: u64, unused: u64) -> !;
}

unsafe extern "C" {
    static mut way_back: WayBack;
}

/// What the loader needs when a kernel returns: page tables, the end of a stack, and who tells of it.
#[repr(C)]
pub struct WayBack {
    pub root: u64,
    pub stack_end: u64,
    pub told_by: extern "sysv64" fn() -> !,
}

/// The jumps and the GDT: where they were linked, or a copy that lies `moved_by` bytes higher.
#[derive(Clone, Copy)]
pub struct Jumps {
    pub moved_by: u64,
}

impl Jumps {
    /// Where the program itself has them.
    pub const LINKED: Jumps = Jumps { moved_by: 0 };

    /// Says where to go when the kernel returns.
    ///
    /// # Safety
    /// The jumps must lie where `self` says, in memory that may be written.
    pub unsafe fn set_way_back(self, way: WayBack) {
        let slot = (&raw mut way_back).wrapping_byte_add(self.moved_by as usize);
        // SAFETY: the caller's promise.
        unsafe { slot.write(way) }
    }

    /// Switches to the page tables at the frame `root` and enters the kernel.
    ///
    /// # Safety
    /// The tables must map the jumps and the kernel's GDT at the address where they are now, and the kernel as `entry`
    /// says.
    pub unsafe fn enter(self, root: u64, entry: &Entry) -> ! {
        let (jump, stack_end, argument, address, sse): (Jump, _, _, _, _) = match *entry {
            Entry::Call64 {
                address,
                stack_end,
                argument,
                sse,
            } => (call_kernel, stack_end, argument, address, sse),
            Entry::Jump64 {
                address,
                stack_end,
                argument,
            } => (jump_to_kernel, stack_end, argument, address, false),
        };
        // SAFETY: a copy of the function is the function, since it names no address.
        let jump: Jump =
            unsafe { core::mem::transmute((jump as usize).wrapping_add(self.moved_by as usize)) };
        // SAFETY: the caller's promise is all that it needs.
        unsafe { jump(root, stack_end, argument, address, sse.into()) }
    }
}
