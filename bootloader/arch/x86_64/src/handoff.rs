//! The last steps of a loader that lies where the BIOS's stage does: address space, jump, and what if it returns.

use core::convert::Infallible;

use common::boot::{self, Kept};
use common::failure::{Failure, Kind};
use common::file::Kernel;
use common::memory::pages_of;
use common::platform::Platform;

use crate::jump::{Jumps, WayBack};
use crate::machine::{JUMP, LOW};
use crate::page_table::PageTable;
use crate::physical::{self, Physical};
use crate::{console, exceptions};

/// Starts the kernel, whose file is in memory; returns only what keeps it from starting.
pub fn start<P: Platform>(kernel: &Kernel, platform: &mut P) -> Result<Infallible, Failure> {
    let mut space = PageTable::new(platform)?;
    // SAFETY: the map gave these frames to the kernel's file, and what is written later goes to others.
    let bytes = unsafe { physical::slice_mut(kernel.elf.address, pages_of(kernel.elf.length)) };
    let kept = Kept {
        jump: &JUMP,
        low: &LOW,
    };
    let prepared = boot::prepare(kernel, bytes, kept, platform, &mut space)?;
    let entry = prepared.finish(&mut Physical, platform.exit()?);
    // SAFETY: `prepare` mapped the low part of the loader, which holds the jump and the GDT, to itself.
    unsafe {
        Jumps::LINKED.set_way_back(WayBack {
            root: layout::LOADER_TABLES_ADDRESS,
            stack_end: layout::LOADER_STACK_END,
            told_by: returned,
        });
        Jumps::LINKED.enter(space.root, &entry)
    }
}

/// Runs on the loader's own tables and stack when a kernel's entry point returns; firmware is not called any more.
extern "sysv64" fn returned() -> ! {
    exceptions::load();
    let failure = Kind::KernelReturned.alone();
    console::tell_ports(&failure);
    console::tell_cells(&failure);
    console::halt()
}
