//! The way from a kernel's file in memory to an address space that is ready for its first instruction.

use crate::checksum::Checksum;
use crate::elf::Elf;
use crate::failure::{Failure, Kind};
use crate::handover::{self, Kept};
use crate::kernel_file::Settings;
use crate::memory::{Access, AddressSpace, FrameAllocator, Memory, PAGE, Placement, Run, pages_of};
use crate::memory_map::{MemoryMap, Use};
use crate::segments::{Loaded, Loader};

/// What the jump needs.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    pub entry: u64,
    /// The stack's end, a whole page.
    pub stack_end: u64,
    pub boot_info: u64,
}

/// A kernel whose bytes are in memory.
pub struct Kernel<'a> {
    /// The ELF, zeroes to the end of its last page.
    pub file: Loaded<'a>,
    /// The ELF's own size in bytes.
    pub length: u64,
    pub settings: Settings,
}

/// Virtual pages that keep their physical address.
#[derive(Clone, Copy)]
pub struct Identity {
    pub start: u64,
    pub end: u64,
    pub access: Access,
}

/// Returns where an ELF of `length` bytes goes: memory for it and for the zeroes up to its last page's end.
pub fn place(map: &mut MemoryMap, length: u64, remainder: Option<u64>) -> Result<u64, Failure> {
    let modulus = layout::LARGE_PAGE_SIZE;
    let wish = remainder
        .map(|remainder| map.allocate(Use::Kernel, length, Placement { modulus, remainder }));
    match wish {
        Some(Ok(address)) => Ok(address),
        _ => map.allocate(Use::Kernel, length, Placement::ANY),
    }
}

/// Compares the checksum of what was read with what the header states.
pub fn check(sum: Checksum, stated: u64) -> Result<(), Failure> {
    if sum.value() == stated {
        Ok(())
    } else {
        Err(Kind::KernelChecksum.with(sum.value(), stated))
    }
}

/// Checks the kernel's ELF and fills `space`: segments, stack, boot information, and `identity`.
pub fn prepare<M: Memory, S: AddressSpace>(
    kernel: &Kernel<'_>,
    identity: &[Identity; 2],
    memory: &mut M,
    map: &mut MemoryMap,
    space: &mut S,
) -> Result<Ready, Failure> {
    let elf = Elf::parse(&kernel.file.bytes[..kernel.length as usize])?;
    let protocol = handover::find(kernel.settings.handover)?;
    let kept = identity.map(|Identity { start, end, .. }| Kept { start, end });
    let plan = protocol.plan(&elf, &kernel.settings, &kept)?;
    for &Identity { start, end, access } in identity {
        space.map(
            memory,
            map,
            Run {
                address: start,
                frame: start,
                length: end - start,
            },
            access,
        )?;
    }
    Loader {
        file: kernel.file,
        memory: &mut *memory,
        frames: &mut *map,
        space: &mut *space,
    }
    .load(&elf)?;
    let (stack, stack_end) = plan.stack;
    let length = pages_of(stack_end - stack);
    let frame = map.allocate(Use::KernelStack, length, Placement::ANY)?;
    space.map(
        memory,
        map,
        Run {
            address: stack,
            frame,
            length,
        },
        Access::WRITE,
    )?;
    let boot_info = map.allocate(Use::BootInfo, PAGE, Placement::ANY)?;
    space.map(
        memory,
        map,
        Run {
            address: plan.boot_info,
            frame: boot_info,
            length: PAGE,
        },
        Access::WRITE,
    )?;
    // Last of all: nothing is taken from the map after it was written down.
    protocol.write_boot_info(memory.bytes(boot_info, PAGE), map.regions(), &elf);
    Ok(Ready {
        entry: elf.entry,
        stack_end,
        boot_info: plan.boot_info,
    })
}
