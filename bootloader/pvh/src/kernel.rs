//! The kernel's way from the module into its place, and what a PVH machine gives it.

use core::convert::Infallible;

use arch_x86_64::machine::Machine;
use arch_x86_64::{dispi, handoff, physical, processor, rsdp, vga};
use common::bytes::{Bytes, u64_at};
use common::failure::{Failure, Kind};
use common::file;
use common::memory::{FrameAllocator, Memory, Placement};
use common::memory_map::MemoryMap;
use common::platform::{FrameBuffer, Platform, Screen};
use common::region::Use;

use crate::start_info::Module;

/// A machine that QEMU started with this loader; `rsdp` is what its start info says, or 0.
pub struct Pvh<'a> {
    pub machine: &'a mut Machine,
    pub rsdp: u64,
}

/// Copies, checks and starts the kernel.
pub fn boot(module: &Module, mut pvh: Pvh<'_>) -> Result<Infallible, Failure> {
    let end = module.start.saturating_add(module.length);
    if module.start < layout::MEMORY_FLOOR || end > layout::MEMORY_CEILING {
        return Err(Kind::PvhNoModule.alone());
    }
    // SAFETY: QEMU put the module there; all below the ceiling is mapped, and it is taken from the map while it is read.
    let bytes: &[u8] = unsafe { physical::slice_mut(module.start, module.length) };
    let magic = u64_at(bytes, layout::KERNEL_MAGIC_OFFSET as usize).unwrap_or(0);
    if magic != layout::KERNEL_MAGIC {
        return Err(Kind::PvhModuleMagic.with(magic, 0));
    }
    // A copy, though it is in memory already: so frames, and with them large pages, are those of the other lane.
    let map = &mut pvh.machine.map;
    map.reserve(module.start, end, Use::Bootloader);
    let kernel = file::read(&mut Bytes(bytes), 0, module.length, &mut pvh)?;
    pvh.machine.map.free(module.start, end);
    handoff::start(&kernel, &mut pvh)
}

impl Memory for Pvh<'_> {
    fn bytes(&mut self, address: u64, length: u64) -> &mut [u8] {
        self.machine.bytes(address, length)
    }
}

impl FrameAllocator for Pvh<'_> {
    fn allocate(
        &mut self,
        purpose: Use,
        length: u64,
        placement: Placement,
    ) -> Result<u64, Failure> {
        self.machine.allocate(purpose, length, placement)
    }
}

impl Platform for Pvh<'_> {
    fn map(&mut self) -> &mut MemoryMap {
        &mut self.machine.map
    }

    fn set_screen(&mut self, screen: Screen) -> Result<Option<FrameBuffer>, Failure> {
        Ok(match screen {
            Screen::Text => None,
            Screen::Mode13h => {
                vga::set_mode_13h();
                None
            }
            Screen::Linear { width, height } => dispi::set(width, height),
        })
    }

    fn find_rsdp(&mut self) -> Option<u64> {
        if self.rsdp == 0 {
            rsdp::find(0)
        } else {
            Some(self.rsdp)
        }
    }

    fn random(&mut self) -> u64 {
        processor::random()
    }

    fn exit(&mut self) -> Result<&MemoryMap, Failure> {
        Ok(&self.machine.map)
    }
}
