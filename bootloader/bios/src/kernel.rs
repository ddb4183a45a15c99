//! The kernel's way from its partition into memory, and what a BIOS gives it.

use core::convert::Infallible;

use arch_x86_64::machine::Machine;
use arch_x86_64::{handoff, processor, rsdp};
use common::bytes::Either;
use common::failure::Failure;
use common::memory::{FrameAllocator, Memory, Placement};
use common::memory_map::MemoryMap;
use common::platform::{FrameBuffer, Platform, Screen};
use common::region::Use;
use common::{file, gpt};

use crate::bios::{self, Registers};
use crate::edd::Disk;
use crate::pxe::Server;
use crate::{e820, screen};

/// A machine with a BIOS.
pub struct Bios<'a>(pub &'a mut Machine);

/// Finds, reads, checks and starts the kernel.
pub fn boot(source: &mut Either<Disk, Server>, mut bios: Bios<'_>) -> Result<Infallible, Failure> {
    let (start, length) = match source {
        Either::First(disk) => {
            let partition = gpt::find(disk, &layout::KERNEL_TYPE)?;
            (partition.start, partition.length)
        }
        Either::Second(server) => (0, server.length()?),
    };
    let kernel = file::read(source, start, length, &mut bios)?;
    handoff::start(&kernel, &mut bios)
}

impl Memory for Bios<'_> {
    fn bytes(&mut self, address: u64, length: u64) -> &mut [u8] {
        self.0.bytes(address, length)
    }
}

impl FrameAllocator for Bios<'_> {
    fn allocate(
        &mut self,
        purpose: Use,
        length: u64,
        placement: Placement,
    ) -> Result<u64, Failure> {
        self.0.allocate(purpose, length, placement)
    }
}

impl Platform for Bios<'_> {
    fn map(&mut self) -> &mut MemoryMap {
        &mut self.0.map
    }

    fn set_screen(&mut self, screen: Screen) -> Result<Option<FrameBuffer>, Failure> {
        screen::set(screen)
    }

    fn find_rsdp(&mut self) -> Option<u64> {
        rsdp::find(e820::ebda())
    }

    fn random(&mut self) -> u64 {
        processor::random()
    }

    fn exit(&mut self) -> Result<&MemoryMap, Failure> {
        // AMD's "target operating mode": a BIOS that manages power hears that 64-bit code runs from here on.
        bios::call(
            0x15,
            &mut Registers {
                eax: 0xEC00,
                ebx: 2,
                ..Registers::default()
            },
        );
        Ok(&self.0.map)
    }
}
