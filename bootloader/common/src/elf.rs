//! Reading a kernel's ELF (System V ABI, chapters 4 and 5): every field is checked before it is used.

use crate::bytes::{u16_at, u64_at};
use crate::failure::{Failure, Kind as Problem};
use crate::memory::{Access, PAGE, is_canonical, page_of, pages_of};
use crate::program_header::{ET_DYN, ProgramHeader, read_headers};
pub use crate::program_header::{HEADERS_MAX, Segment};
use crate::relocation::{Relocation, Table};

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_TLS: u32 = 7;
const PT_GNU_RELRO: u32 = 0x6474_E552;
const PF_X: u32 = 1;
const PF_W: u32 = 2;

/// More than a GiB is no alignment that a segment has.
const ALIGNMENT_MAX: u64 = 1 << 30;

/// The most words that a protocol may write into a program.
const WORDS_MAX: usize = 32;

/// What a slot holds that no segment has taken.
const NO_SEGMENT: Segment = Segment {
    offset: 0,
    file_size: 0,
    address: 0,
    memory_size: 0,
    access: Access::READ,
};

/// The PT_TLS: the template of thread-local data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    pub address: u64,
    pub file_size: u64,
    pub memory_size: u64,
}

/// Whether a program lies where it was linked, or anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Fixed,
    Movable,
}

/// What a loader needs of an ELF; addresses are those where it will lie.
#[derive(Clone, Debug)]
pub struct Image {
    pub kind: Kind,
    pub entry: u64,
    pub tls: Option<Tls>,
    /// The addresses that are read-only once relocations are done: the first, and the one after the last.
    pub relro: Option<(u64, u64)>,
    /// What its first page's address has to be a multiple of.
    pub alignment: u64,
    /// What `moved_to` added to every address.
    pub slide: u64,
    relocations: Table,
    words: [Relocation; WORDS_MAX],
    word_count: usize,
    segments: [Segment; HEADERS_MAX],
    count: usize,
}

impl Image {
    /// Reads an x86-64 program that needs no dynamic linker: static, or position-independent with its own relocations.
    pub fn parse(file: &[u8]) -> Result<Image, Failure> {
        let headers = read_headers(file)?;
        let mut image = Image {
            kind: match u16_at(file, 16) {
                Some(ET_DYN) => Kind::Movable,
                _ => Kind::Fixed,
            },
            entry: u64_at(file, 24).unwrap_or(0),
            tls: None,
            relro: None,
            alignment: PAGE,
            slide: 0,
            relocations: Table::EMPTY,
            words: [Relocation::default(); WORDS_MAX],
            word_count: 0,
            segments: [NO_SEGMENT; HEADERS_MAX],
            count: 0,
        };
        let mut dynamic = None;
        for header in headers {
            match header.kind {
                PT_LOAD if header.memory_size > 0 || header.file_size > 0 => {
                    image.add_segment(&header, file)?
                }
                PT_TLS if image.tls.is_some() => {
                    return Err(Problem::ElfTls.with(header.address, 0));
                }
                PT_TLS => {
                    image.tls = Some(Tls {
                        address: header.address,
                        file_size: header.file_size,
                        memory_size: header.memory_size,
                    });
                }
                PT_GNU_RELRO => {
                    let end = header.address.checked_add(header.memory_size);
                    let end = end.ok_or(Problem::ElfRelocation.with(header.address, 0))?;
                    image.relro = Some((header.address, end));
                }
                PT_DYNAMIC => dynamic = Some(header),
                PT_INTERP => return Err(Problem::ElfDynamic.with(header.kind.into(), 0)),
                _ => {}
            }
        }
        image.check()?;
        if let Some(dynamic) = dynamic {
            image.relocations = Table::find(&dynamic, image.segments(), file)?;
        }
        Ok(image)
    }

    /// The lowest address that a segment takes, and the one after the highest; both whole pages.
    pub fn range(&self) -> (u64, u64) {
        let segments = self.segments();
        let start = segments.first().map_or(0, |first| page_of(first.address));
        let end = segments.last().map_or(0, |last| pages_of(last.end()));
        (start, end)
    }

    /// The same program with its first page at `start`.
    pub fn moved_to(&self, start: u64) -> Result<Image, Failure> {
        let slide = start.wrapping_sub(self.range().0);
        self.moved_by(slide)
    }

    /// The same program with `slide` added to every address.
    pub fn moved_by(&self, slide: u64) -> Result<Image, Failure> {
        let mut moved = self.clone();
        moved.slide = self.slide.wrapping_add(slide);
        moved.entry = self.entry.wrapping_add(slide);
        if let Some(tls) = &mut moved.tls {
            tls.address = tls.address.wrapping_add(slide);
        }
        if let Some((start, end)) = &mut moved.relro {
            (*start, *end) = (start.wrapping_add(slide), end.wrapping_add(slide));
        }
        let count = moved.count;
        for segment in &mut moved.segments[..count] {
            segment.address = segment.address.wrapping_add(slide);
            check_range(segment.address, segment.memory_size)?;
        }
        // At most 32, in order but for one place: core's sort would be 3 KiB of the loader.
        for end in 1..count {
            let mut at = end;
            while at > 0 && moved.segments[at - 1].address > moved.segments[at].address {
                moved.segments.swap(at - 1, at);
                at -= 1;
            }
        }
        Ok(moved)
    }

    /// The segments in the order of their addresses.
    pub fn segments(&self) -> &[Segment] {
        self.segments.get(..self.count).unwrap_or(&self.segments)
    }

    /// Has eight bytes of the program, which lies where it will be, hold `value`: a protocol's answer.
    pub fn add_word(&mut self, address: u64, value: u64) -> Result<(), Failure> {
        let wrong = Problem::ElfRelocation.with(address, value);
        let slot = self.words.get_mut(self.word_count).ok_or(wrong)?;
        *slot = Relocation { address, value };
        self.word_count += 1;
        Ok(())
    }

    /// How many relocations there are to make, a protocol's words among them.
    pub fn relocation_count(&self) -> u64 {
        self.relocations.count + self.word_count as u64
    }

    /// Returns the relocation at `index`, below `relocation_count`, of the file that `parse` read.
    pub fn relocation(&self, file: &[u8], index: u64) -> Result<Relocation, Failure> {
        let relocation = match index.checked_sub(self.relocations.count) {
            Some(index) => *self
                .words
                .get(index as usize)
                .ok_or(Problem::ElfRelocation.with(index, 0))?,
            None => self.relocations.read(file, index, self.slide)?,
        };
        let Relocation { address, .. } = relocation;
        let is_loaded = |segment: &Segment| {
            (segment.address..segment.end()).contains(&address) && segment.end() - address >= 8
        };
        if !self.segments().iter().any(is_loaded) {
            return Err(Problem::ElfRelocation.with(address, index));
        }
        Ok(relocation)
    }

    /// Checks one PT_LOAD by itself and inserts it by its address.
    fn add_segment(&mut self, header: &ProgramHeader, file: &[u8]) -> Result<(), Failure> {
        let length = file.len() as u64;
        let file_end = header.offset.saturating_add(header.file_size);
        if file_end > length {
            return Err(Problem::ElfOutside.with(file_end, length));
        }
        if header.file_size > header.memory_size {
            return Err(Problem::ElfFileSize.with(header.file_size, header.memory_size));
        }
        check_range(header.address, header.memory_size)?;
        if header.alignment.is_power_of_two() && header.alignment <= ALIGNMENT_MAX {
            self.alignment = self.alignment.max(header.alignment);
        }
        if header.file_size > 0 && header.address % PAGE != header.offset % PAGE {
            return Err(Problem::ElfCongruence.with(header.address, header.offset));
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
            return Err(Problem::ElfEmpty.alone());
        }
        if let Some(pair) = segments
            .windows(2)
            .find(|pair| pair[0].end() > pair[1].address)
        {
            return Err(Problem::ElfOverlap.with(pair[0].end(), pair[1].address));
        }
        let has_entry = |segment: &&Segment| (segment.address..segment.end()).contains(&self.entry);
        if !segments
            .iter()
            .filter(has_entry)
            .any(|segment| segment.access.execute)
        {
            return Err(Problem::ElfNoEntry.with(self.entry, 0));
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
                Err(Problem::ElfTls.with(tls.address, 0))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses bytes that no row of pages can hold. The last page of an address space is refused too: its end is no address.
fn check_range(address: u64, size: u64) -> Result<(), Failure> {
    let last = address.checked_add(size - 1);
    let last = last
        .filter(|&last| last < page_of(u64::MAX) && is_canonical(last) && is_canonical(address));
    if last.is_none_or(|last| (last ^ address) >> 63 != 0) {
        return Err(Problem::ElfNotCanonical.with(address, size));
    }
    Ok(())
}

/// Guesses, from the beginning of a file that nothing has checked yet, where the ELF should lie in memory:
/// the remainder modulo `size` that lets large pages map the biggest segment in place. Any answer is safe.
pub fn guess_remainder(head: &[u8], size: u64) -> Option<u64> {
    let big = read_headers(head)
        .ok()?
        .filter(|header| header.kind == PT_LOAD && header.file_size >= size);
    let biggest = big.max_by_key(|header| header.file_size)?;
    Some(page_of(biggest.address.wrapping_sub(biggest.offset)) & (size - 1))
}
