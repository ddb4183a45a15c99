//! Reading a kernel's ELF (System V ABI, chapters 4 and 5): every field is checked before it is used.

use crate::bytes::{u16_at, u32_at, u64_at};
use crate::failure::{Failure, Kind};
use crate::memory::{Access, PAGE, is_canonical, page_of};

const ELFCLASS64: u8 = 2;
const ELFDATA2LSB: u8 = 1;
const EV_CURRENT: u32 = 1;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_TLS: u32 = 7;
const PF_X: u32 = 1;
const PF_W: u32 = 2;
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

const NO_SEGMENT: Segment = Segment {
    offset: 0,
    file_size: 0,
    address: 0,
    memory_size: 0,
    access: Access::READ,
};

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

/// The PT_TLS: the template of thread-local data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    pub address: u64,
    pub file_size: u64,
    pub memory_size: u64,
}

/// What a loader needs of an ELF.
#[derive(Clone, Debug)]
pub struct Elf {
    pub entry: u64,
    pub tls: Option<Tls>,
    segments: [Segment; HEADERS_MAX],
    count: usize,
}

struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
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
        })
    }
}

impl Elf {
    /// Reads a static x86-64 program.
    pub fn parse(file: &[u8]) -> Result<Elf, Failure> {
        let headers = program_headers(file)?;
        let mut elf = Elf {
            entry: u64_at(file, 24).unwrap_or(0),
            tls: None,
            segments: [NO_SEGMENT; HEADERS_MAX],
            count: 0,
        };
        for header in headers
            .chunks_exact(PHENTSIZE.into())
            .filter_map(ProgramHeader::read)
        {
            match header.kind {
                PT_LOAD if header.memory_size > 0 || header.file_size > 0 => {
                    elf.add_segment(&header, file)?
                }
                PT_TLS if elf.tls.is_some() => return Err(Kind::ElfTls.with(header.address, 0)),
                PT_TLS => {
                    elf.tls = Some(Tls {
                        address: header.address,
                        file_size: header.file_size,
                        memory_size: header.memory_size,
                    });
                }
                PT_INTERP | PT_DYNAMIC => return Err(Kind::ElfDynamic.with(header.kind.into(), 0)),
                _ => {}
            }
        }
        elf.check()?;
        Ok(elf)
    }

    /// The segments in the order of their addresses.
    pub fn segments(&self) -> &[Segment] {
        &self.segments[..self.count]
    }

    /// Checks one PT_LOAD by itself and inserts it by its address.
    fn add_segment(&mut self, header: &ProgramHeader, file: &[u8]) -> Result<(), Failure> {
        let length = file.len() as u64;
        let file_end = header.offset.saturating_add(header.file_size);
        if file_end > length {
            return Err(Kind::ElfOutside.with(file_end, length));
        }
        if header.file_size > header.memory_size {
            return Err(Kind::ElfFileSize.with(header.file_size, header.memory_size));
        }
        // The last page of an address space is refused too: its end is no address.
        let last = header.address.checked_add(header.memory_size - 1);
        let last = last.filter(|&last| {
            last < page_of(u64::MAX) && is_canonical(last) && is_canonical(header.address)
        });
        if last.is_none_or(|last| (last ^ header.address) >> 63 != 0) {
            return Err(Kind::ElfNotCanonical.with(header.address, header.memory_size));
        }
        if header.file_size > 0 && header.address % PAGE != header.offset % PAGE {
            return Err(Kind::ElfCongruence.with(header.address, header.offset));
        }
        let place = self
            .segments()
            .partition_point(|segment| segment.address < header.address);
        self.segments.copy_within(place..self.count, place + 1);
        self.segments[place] = Segment {
            offset: header.offset,
            file_size: header.file_size,
            address: header.address,
            memory_size: header.memory_size,
            access: Access {
                write: header.flags & PF_W != 0,
                execute: header.flags & PF_X != 0,
            },
        };
        self.count += 1;
        Ok(())
    }

    /// Checks what concerns more than one header.
    fn check(&self) -> Result<(), Failure> {
        let segments = self.segments();
        if segments.is_empty() {
            return Err(Kind::ElfEmpty.alone());
        }
        if let Some(pair) = segments
            .windows(2)
            .find(|pair| pair[0].end() > pair[1].address)
        {
            return Err(Kind::ElfOverlap.with(pair[0].end(), pair[1].address));
        }
        let has_entry = |segment: &&Segment| (segment.address..segment.end()).contains(&self.entry);
        if !segments
            .iter()
            .filter(has_entry)
            .any(|segment| segment.access.execute)
        {
            return Err(Kind::ElfNoEntry.with(self.entry, 0));
        }
        // .tbss takes no room in a segment, .tdata must have been loaded.
        let is_loaded = |tls: &Tls| {
            let end = tls.address.checked_add(tls.file_size);
            segments.iter().any(|segment| {
                tls.address >= segment.address && end.is_some_and(|end| end <= segment.end())
            })
        };
        match &self.tls {
            Some(tls)
                if tls.file_size > tls.memory_size || tls.file_size > 0 && !is_loaded(tls) =>
            {
                Err(Kind::ElfTls.with(tls.address, 0))
            }
            _ => Ok(()),
        }
    }
}

/// Checks the ELF header and returns the bytes of the program headers.
fn program_headers(file: &[u8]) -> Result<&[u8], Failure> {
    let half = |offset| u16_at(file, offset).unwrap_or(0);
    if !file.starts_with(b"\x7fELF") || file.len() < 64 {
        return Err(Kind::ElfMagic.alone());
    }
    if (file[4], file[5]) != (ELFCLASS64, ELFDATA2LSB) {
        return Err(Kind::ElfClass.with(file[4].into(), file[5].into()));
    }
    let version = u32_at(file, 20).unwrap_or(0);
    if u32::from(file[6]) != EV_CURRENT || version != EV_CURRENT {
        return Err(Kind::ElfVersion.with(version.into(), 0));
    }
    match (half(16), half(18)) {
        (_, machine) if machine != EM_X86_64 => {
            return Err(Kind::ElfMachine.with(machine.into(), 0));
        }
        (ET_DYN, _) => return Err(Kind::ElfPie.alone()),
        (kind, _) if kind != ET_EXEC => return Err(Kind::ElfType.with(kind.into(), 0)),
        _ => {}
    }
    let (size, count) = (half(54), half(56));
    if size != PHENTSIZE || !(1..=HEADERS_MAX).contains(&count.into()) {
        return Err(Kind::ElfHeaders.with(count.into(), size.into()));
    }
    let start = u64_at(file, 32).unwrap_or(0);
    let length = u64::from(size) * u64::from(count);
    let end = start.saturating_add(length);
    if start < 64 || end > file.len() as u64 {
        return Err(Kind::ElfOutside.with(end, file.len() as u64));
    }
    Ok(&file[start as usize..end as usize])
}

/// Guesses, from the beginning of a file that nothing has checked yet, where the ELF should lie in memory:
/// the remainder modulo `size` that lets large pages map the biggest segment in place. Any answer is safe.
pub fn guess_remainder(head: &[u8], size: u64) -> Option<u64> {
    let headers = program_headers(head)
        .ok()?
        .chunks_exact(PHENTSIZE.into())
        .filter_map(ProgramHeader::read);
    let big = headers.filter(|header| header.kind == PT_LOAD && header.file_size >= size);
    let biggest = big.max_by_key(|header| header.file_size)?;
    Some(page_of(biggest.address.wrapping_sub(biggest.offset)) & (size - 1))
}
