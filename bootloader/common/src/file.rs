//! Reading the kernel file from wherever it is into memory: the same for a disk, a module, and what is to come.

use crate::bytes::ReadAt;
use crate::checksum::Checksum;
use crate::elf;
use crate::failure::{Failure, Kind};
use crate::kernel_file::{HEADER_SIZE, KernelFile, Settings};
use crate::memory::{PAGE, Placement, pages_of};
use crate::platform::Platform;
use crate::region::Use;

/// What is read first: the header, and the beginning of the ELF with its program headers.
const HEAD: usize = HEADER_SIZE + PAGE as usize;

/// How often the bytes are read until their checksum is right.
const READINGS: usize = 2;

/// Bytes in frames of their own, with zeroes to the end of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub address: u64,
    pub length: u64,
}

/// A kernel file whose parts are in memory.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    pub elf: Placed,
    pub ramdisk: Option<Placed>,
    pub settings: Settings,
}

/// Reads the file that begins at `start` and may take `room` bytes; compares its checksums.
pub fn read<R: ReadAt, P: Platform>(
    source: &mut R,
    start: u64,
    room: u64,
    platform: &mut P,
) -> Result<Kernel, Failure> {
    if room < HEADER_SIZE as u64 {
        return Err(Kind::KernelTruncated.with(HEADER_SIZE as u64, room));
    }
    let head = source.read_at(start, room.min(HEAD as u64) as usize)?;
    let header = KernelFile::parse(&head[..HEADER_SIZE], room)?;
    platform.see_header(&head[..HEADER_SIZE]);
    let remainder = elf::guess_remainder(&head[HEADER_SIZE..], layout::LARGE_PAGE_SIZE);
    let settings = header.settings;
    let address = place(platform, header.elf_length, remainder)?;
    let elf = Placed {
        address,
        length: header.elf_length,
    };
    let at = start + HEADER_SIZE as u64;
    copy(source, at, elf, header.checksum, platform)?;
    let mut ramdisk = None;
    if settings.ramdisk_length > 0 {
        let length = settings.ramdisk_length;
        let address = platform.allocate(Use::Ramdisk, length, Placement::ANY)?;
        let placed = Placed { address, length };
        let at = at + header.elf_length.next_multiple_of(layout::SECTOR_SIZE);
        copy(source, at, placed, settings.ramdisk_checksum, platform)?;
        ramdisk = Some(placed);
    }
    Ok(Kernel {
        elf,
        ramdisk,
        settings,
    })
}

/// Returns where an ELF of `length` bytes goes: memory for it and for the zeroes up to its last page's end.
fn place(
    platform: &mut impl Platform,
    length: u64,
    remainder: Option<u64>,
) -> Result<u64, Failure> {
    let modulus = layout::LARGE_PAGE_SIZE;
    let wish = remainder
        .map(|remainder| platform.allocate(Use::Kernel, length, Placement { modulus, remainder }));
    match wish {
        Some(Ok(address)) => Ok(address),
        _ => platform.allocate(Use::Kernel, length, Placement::ANY),
    }
}

/// Copies what begins at `offset` to its place.
fn copy<R: ReadAt, P: Platform>(
    source: &mut R,
    offset: u64,
    to: Placed,
    stated: u64,
    platform: &mut P,
) -> Result<(), Failure> {
    let largest = source.largest_read();
    let bytes = platform.bytes(to.address, pages_of(to.length));
    let length = to.length as usize;
    let whole = length.next_multiple_of(source.sector_size() as usize);
    let mut found = 0;
    // Firmware has been seen to say that it read what it did not, and to read it the next time.
    for _ in 0..READINGS {
        let mut checksum = Checksum::default();
        let mut start = 0;
        for piece in bytes[..whole].chunks_mut(largest) {
            source.read_into(offset + start as u64, piece)?;
            // Of the copy, not of what was read: memory that does not keep what it gets is found too.
            checksum.update(&piece[..piece.len().min(length - start)]);
            start += piece.len();
        }
        found = checksum.value();
        if found == stated {
            bytes[length..].fill(0);
            return Ok(());
        }
    }
    Err(Kind::KernelChecksum.with(found, stated))
}
