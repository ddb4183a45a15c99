//! The last steps of a loader that lies where the BIOS's stage does: address space, jump, and what if it returns.

use core::convert::Infallible;

use common::boot::{self, Identity, Kernel};
use common::failure::{Failure, Kind};
use common::memory::Access;
use common::memory_map::MemoryMap;

use crate::page_table::PageTable;
use crate::physical::Physical;
use crate::{console, jump};

/// What the kernel finds at its own physical address: the code that jumps, with the GDT, and the screen.
const IDENTITY: [Identity; 2] = [
    Identity {
        start: layout::STAGE_LOAD_ADDRESS,
        end: layout::STAGE_END,
        access: Access::EXECUTE,
    },
    Identity {
        start: layout::VGA_START,
        end: layout::VGA_END,
        access: Access::WRITE,
    },
];

/// Starts the kernel, whose bytes are in memory; returns only what keeps it from starting.
pub fn start(kernel: &Kernel<'_>, map: &mut MemoryMap) -> Result<Infallible, Failure> {
    let mut space = PageTable::new(&mut Physical, map)?;
    let ready = boot::prepare(kernel, &IDENTITY, &mut Physical, map, &mut space)?;
    // SAFETY: `prepare` mapped the loader, which holds this code, the GDT and `returned`, to itself.
    unsafe { jump::jump(space.root, &ready, returned) }
}

/// Runs in the kernel's address space when its entry point returns; firmware is out of reach then.
extern "sysv64" fn returned() -> ! {
    let failure = Kind::KernelReturned.alone();
    console::tell_ports(&failure);
    console::tell_cells(&failure);
    console::halt()
}
