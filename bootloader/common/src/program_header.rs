//! The head of an ELF: its header, checked, and its program headers (System V ABI, chapters 4 and 5).

use crate::bytes::{u16_at, u32_at, u64_at};
use crate::failure::{Failure, Kind as Problem};
use crate::memory::Access;

const ELFCLASS64: u8 = 2;
const ELFDATA2LSB: u8 = 1;
const EV_CURRENT: u32 = 1;
const ET_EXEC: u16 = 2;
pub const ET_DYN: u16 = 3;
const EM_X86_64: u16 = 62;
const PHENTSIZE: u16 = 56;

/// The most program headers that a kernel may have (bootloader 0.9's limit).
pub const HEADERS_MAX: usize = 32;

/// A PT_LOAD: where its bytes are in the file and where in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    pub offset: u64,
    pub file_size: u64,
    pub address: u64,
    pub memory_size: u64,
    pub access: Access,
}

impl Segment {
    /// The first address after it; `parse` saw to it that this is no overflow.
    pub fn end(&self) -> u64 {
        self.address + self.memory_size
    }

    /// The first address after what comes from the file.
    pub fn file_end(&self) -> u64 {
        self.address + self.file_size
    }
}

/// A program header as it stands in the file: nothing of it is believed yet.
pub struct ProgramHeader {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub address: u64,
    pub file_size: u64,
    pub memory_size: u64,
    pub alignment: u64,
}

impl ProgramHeader {
    fn read(header: &[u8]) -> Option<ProgramHeader> {
        Some(ProgramHeader {
            kind: u32_at(header, 0)?,
            flags: u32_at(header, 4)?,
            offset: u64_at(header, 8)?,
            address: u64_at(header, 16)?,
            file_size: u64_at(header, 32)?,
            memory_size: u64_at(header, 40)?,
            alignment: u64_at(header, 48)?,
        })
    }
}

/// Checks the ELF header and returns the program headers.
pub fn read_headers(file: &[u8]) -> Result<impl Iterator<Item = ProgramHeader>, Failure> {
    let half = |offset| u16_at(file, offset).unwrap_or(0);
    if !file.starts_with(b"\x7fELF") || file.len() < 64 {
        return Err(Problem::ElfMagic.alone());
    }
    if (file[4], file[5]) != (ELFCLASS64, ELFDATA2LSB) {
        return Err(Problem::ElfClass.with(file[4].into(), file[5].into()));
    }
    let version = u32_at(file, 20).unwrap_or(0);
    if u32::from(file[6]) != EV_CURRENT || version != EV_CURRENT {
        return Err(Problem::ElfVersion.with(version.into(), 0));
    }
    match (half(16), half(18)) {
        (_, machine) if machine != EM_X86_64 => {
            return Err(Problem::ElfMachine.with(machine.into(), 0));
        }
        (kind, _) if kind != ET_EXEC && kind != ET_DYN => {
            return Err(Problem::ElfType.with(kind.into(), 0));
        }
        _ => {}
    }
    let (size, count) = (half(54), half(56));
    if size != PHENTSIZE || !(1..=HEADERS_MAX).contains(&count.into()) {
        return Err(Problem::ElfHeaders.with(count.into(), size.into()));
    }
    let start = u64_at(file, 32).unwrap_or(0);
    let length = u64::from(size) * u64::from(count);
    let end = start.saturating_add(length);
    if start < 64 || end > file.len() as u64 {
        return Err(Problem::ElfOutside.with(end, file.len() as u64));
    }
    let bytes = &file[start as usize..end as usize];
    let headers = bytes.chunks_exact(PHENTSIZE.into());
    Ok(headers.filter_map(ProgramHeader::read))
}
