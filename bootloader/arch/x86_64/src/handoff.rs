//! The last steps of a loader that lies where the BIOS's stage does: address space and jump.

use core::convert::Infallible;

use common::boot::{self, Kept};
use common::failure::Failure;
use common::file::Kernel;
use common::memory::pages_of;
use common::platform::Platform;

use crate::jump;
use crate::machine::{JUMP, LOW};
use crate::page_table::PageTable;
use crate::physical::{self, Physical};

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
    let entry = prepared.finish(&mut Physical, platform.exit());
    // SAFETY: `prepare` mapped the low part of the loader, which holds the jump and the GDT, to itself.
    unsafe { jump::enter(space.root, &entry) }
}
