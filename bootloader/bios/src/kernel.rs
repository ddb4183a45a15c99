//! The kernel's way from its partition into memory, and the jump into it.

use core::convert::Infallible;

use arch_x86_64::{handoff, physical};
use common::boot::{self, Kernel};
use common::bytes::ReadAt;
use common::checksum::Checksum;
use common::elf;
use common::failure::{Failure, Kind};
use common::gpt::{self, Partition};
use common::kernel_file::{HEADER_SIZE, KernelFile};
use common::memory::pages_of;
use common::memory_map::MemoryMap;
use common::segments::Loaded;

use crate::edd::Disk;

/// What is read first: the header, and the beginning of the ELF with its program headers.
const HEAD: usize = HEADER_SIZE + layout::PAGE_SIZE as usize;

/// Finds, reads, checks and starts the kernel.
pub fn boot(disk: &mut Disk, map: &mut MemoryMap) -> Result<Infallible, Failure> {
    let partition = gpt::find(disk, &layout::KERNEL_TYPE)?;
    let kernel = read(disk, &partition, map)?;
    handoff::start(&kernel, map)
}

/// Reads the kernel's file to its place in memory and compares its checksum.
fn read(
    disk: &mut Disk,
    partition: &Partition,
    map: &mut MemoryMap,
) -> Result<Kernel<'static>, Failure> {
    let (start, room) = (partition.start, partition.length);
    if room < HEAD as u64 {
        return Err(Kind::KernelTruncated.with(HEAD as u64, room));
    }
    let head = disk.read_at(start, HEAD)?;
    let header = KernelFile::parse(&head[..HEADER_SIZE], room)?;
    let remainder = elf::guess_remainder(&head[HEADER_SIZE..], layout::LARGE_PAGE_SIZE);
    let address = boot::place(map, header.elf_length, remainder)?;
    // SAFETY: `place` took these frames from the map for the kernel; nobody else has them.
    let bytes = unsafe { physical::slice_mut(address, pages_of(header.elf_length)) };
    let mut checksum = Checksum::default();
    let mut offset = start + HEADER_SIZE as u64;
    let (file, rest) = bytes.split_at_mut(header.elf_length as usize);
    for piece in file.chunks_mut(disk.largest_read()) {
        let sectors = piece.len().next_multiple_of(layout::SECTOR_SIZE as usize);
        piece.copy_from_slice(&disk.read_at(offset, sectors)?[..piece.len()]);
        // Of the copy, not of the buffer: memory that does not keep what it gets is found too.
        checksum.update(piece);
        offset += sectors as u64;
    }
    rest.fill(0);
    boot::check(checksum, header.checksum)?;
    Ok(Kernel {
        file: Loaded { bytes, address },
        length: header.elf_length,
        settings: header.settings,
    })
}
