//! The way from a kernel's file in memory to an address space that is ready for its first instruction.

use crate::elf::Image;
pub use crate::facts::{Entry, Facts, Kept};
use crate::failure::Failure;
use crate::file::Kernel;
use crate::handover::{Protocol, Ready};
use crate::memory::{AddressSpace, Memory};
use crate::memory_map::MemoryMap;
use crate::platform::Platform;
use crate::region::Use;
use crate::segments::{Loaded, Loader};

/// A kernel that waits for the final memory map.
pub struct Prepared {
    ready: Ready,
    boot_info: u64,
}

/// Checks the kernel, brings the screen to what it wants, and fills `space`; `bytes` is its ELF, in whole pages.
pub fn prepare<P: Platform, S: AddressSpace>(
    kernel: &Kernel,
    bytes: &[u8],
    kept: Kept<'_>,
    platform: &mut P,
    space: &mut S,
) -> Result<Prepared, Failure> {
    let Kernel {
        elf,
        ramdisk,
        settings,
    } = kernel;
    let file = bytes.get(..elf.length as usize).unwrap_or(bytes);
    let image = Image::parse(file)?;
    let protocol = Protocol::find(settings.handover)?;
    let screen = protocol.screen(settings);
    let framebuffer = platform.set_screen(screen)?;
    let rsdp = if protocol.wants_rsdp() {
        platform.find_rsdp()
    } else {
        None
    };
    platform.take_map()?;
    let facts = Facts {
        settings,
        kept,
        framebuffer,
        rsdp,
        ramdisk: *ramdisk,
        elf: *elf,
        file,
        memory_end: platform.map().end(),
        region_count: platform.map().regions().len(),
        is_uefi: P::IS_UEFI,
        seed: platform.random(),
    };
    let (plan, image, ready) = protocol.plan(image, &facts)?;
    plan.check(&image)?;
    let boot_info = plan.apply(platform, space, Use::BootInfo)?;
    Loader {
        file: Loaded {
            bytes,
            address: elf.address,
        },
        frames: platform,
        space,
    }
    .load(&image)?;
    Ok(Prepared { ready, boot_info })
}

impl Prepared {
    /// Writes what is handed over, last of all: nothing is taken from the map after it was written down.
    pub fn finish<M: Memory>(self, memory: &mut M, map: &MemoryMap) -> Entry {
        let page = memory.bytes(self.boot_info, self.ready.boot_info_length());
        self.ready.write(page, map.regions());
        self.ready.entry(self.boot_info)
    }
}
