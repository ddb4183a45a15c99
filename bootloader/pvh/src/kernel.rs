//! The kernel's way from the module into its place, and the jump into it.

use core::convert::Infallible;

use arch_x86_64::{handoff, physical};
use common::boot::{self, Kernel};
use common::bytes::u64_at;
use common::checksum::Checksum;
use common::elf;
use common::failure::{Failure, Kind};
use common::kernel_file::{HEADER_SIZE, KernelFile};
use common::memory::pages_of;
use common::memory_map::{MemoryMap, Use};
use common::segments::Loaded;

use crate::start_info::Module;

/// What is copied and summed up at a time, so that it stays in the processor's caches.
const PIECE: usize = 64 << 10;

/// Copies, checks and starts the kernel.
pub fn boot(module: &Module, map: &mut MemoryMap) -> Result<Infallible, Failure> {
    let kernel = read(module, map)?;
    handoff::start(&kernel, map)
}

/// Copies the kernel's ELF to where the image's loader would put it, and compares its checksum.
///
/// A copy, though the module is in memory already: so frames, and with them large pages, are those of the other lane.
fn read(module: &Module, map: &mut MemoryMap) -> Result<Kernel<'static>, Failure> {
    let end = module.start.saturating_add(module.length);
    if module.start < layout::MEMORY_FLOOR || end > layout::MEMORY_CEILING {
        return Err(Kind::PvhNoModule.alone());
    }
    // SAFETY: QEMU put the module there; all below the ceiling is mapped, and nothing is allocated over it below.
    let bytes: &[u8] = unsafe { physical::slice_mut(module.start, module.length) };
    let magic = u64_at(bytes, layout::KERNEL_MAGIC_OFFSET as usize).unwrap_or(0);
    if magic != layout::KERNEL_MAGIC {
        return Err(Kind::PvhModuleMagic.with(magic, 0));
    }
    let Some((header, rest)) = bytes.split_at_checked(HEADER_SIZE) else {
        return Err(Kind::KernelTruncated.with(HEADER_SIZE as u64, module.length));
    };
    let header = KernelFile::parse(header, module.length)?;
    let elf = &rest[..header.elf_length as usize];
    let mut without_module = map.clone();
    without_module.reserve(module.start, end, Use::Bootloader);
    // Of the first page, as the image's loader does.
    let head = &elf[..elf.len().min(layout::PAGE_SIZE as usize)];
    let remainder = elf::guess_remainder(head, layout::LARGE_PAGE_SIZE);
    let address = boot::place(&mut without_module, header.elf_length, remainder)?;
    let length = pages_of(header.elf_length);
    map.reserve(address, address + length, Use::Kernel);
    // SAFETY: `place` chose frames that nobody has, the module included.
    let copy = unsafe { physical::slice_mut(address, length) };
    let (file, after) = copy.split_at_mut(elf.len());
    let mut checksum = Checksum::default();
    for (to, from) in file.chunks_mut(PIECE).zip(elf.chunks(PIECE)) {
        to.copy_from_slice(from);
        checksum.update(to);
    }
    after.fill(0);
    boot::check(checksum, header.checksum)?;
    Ok(Kernel {
        file: Loaded {
            bytes: copy,
            address,
        },
        length: header.elf_length,
        settings: header.settings,
    })
}
