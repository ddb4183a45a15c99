//! The way from a kernel's file in memory to an address space that is ready for its first instruction.

use crate::elf::Image;
use crate::failure::Failure;
use crate::file::{Kernel, Placed};
use crate::handover::{Protocol, Ready};
use crate::kernel_file::Settings;
use crate::memory::{AddressSpace, Memory};
use crate::memory_map::MemoryMap;
use crate::plan::Mapping;
use crate::platform::{FrameBuffer, Platform};
use crate::region::Use;
use crate::segments::{Loaded, Loader};

/// What the loader's own code and the machine keep mapped to itself.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    /// The jump into the kernel with the tables that the processor reads there: every kernel has it.
    pub jump: &'a [Mapping],
    /// What kernels of bootloader 0.9 find in low memory, the jump included.
    pub low: &'a [Mapping],
}

/// Everything that a protocol may want to know.
pub struct Facts<'a> {
    pub settings: &'a Settings,
    pub kept: Kept<'a>,
    pub framebuffer: Option<FrameBuffer>,
    pub rsdp: Option<u64>,
    pub ramdisk: Option<Placed>,
    pub elf: Placed,
    /// The end of the last region that the firmware reports.
    pub memory_end: u64,
    pub region_count: usize,
    pub seed: u64,
}

/// How the kernel is entered; each is a jump in arch/. Addresses are virtual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Called, as if by the loader, which is told when it returns; with SSE on or off.
    Call64 {
        address: u64,
        stack_end: u64,
        argument: u64,
        sse: bool,
    },
    /// Jumped to, with a zero where a return address would be.
    Jump64 {
        address: u64,
        stack_end: u64,
        argument: u64,
    },
}

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
    let image = Image::parse(&bytes[..elf.length as usize])?;
    let protocol = Protocol::find(settings.handover)?;
    let screen = protocol.screen(settings);
    let facts = Facts {
        settings,
        kept,
        framebuffer: platform.set_screen(screen)?,
        rsdp: match protocol {
            Protocol::Bootloader09 => None,
            Protocol::Bootloader011 => platform.find_rsdp(),
        },
        ramdisk: *ramdisk,
        elf: *elf,
        memory_end: platform.map().end(),
        region_count: platform.map().regions().len(),
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
        self.ready.entry()
    }
}
