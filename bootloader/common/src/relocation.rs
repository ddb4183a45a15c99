//! The relocations of a movable program: those that need nothing but the address where it lies.

use crate::bytes::u64_at;
use crate::failure::{Failure, Kind as Problem};
use crate::program_header::{ProgramHeader, Segment};

const DT_NULL: u64 = 0;
const DT_RELA: u64 = 7;
const DT_RELASZ: u64 = 8;
const DT_RELAENT: u64 = 9;
const DT_REL: u64 = 17;
const DT_PLTRELSZ: u64 = 2;
const DT_RELR: u64 = 36;
const RELA_SIZE: u64 = 24;
const R_X86_64_RELATIVE: u32 = 8;

/// Eight bytes that hold an address, and what they have to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relocation {
    pub address: u64,
    pub value: u64,
}

/// The table of relocations: where it begins in the file, and how many it holds.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    start: u64,
    pub count: u64,
}

impl Table {
    /// That of a program that has none.
    pub const EMPTY: Table = Table { start: 0, count: 0 };

    /// Returns the relocation at `index`, below `count`, of a program that was moved by `slide`; it may lie anywhere.
    pub fn read(&self, file: &[u8], index: u64, slide: u64) -> Result<Relocation, Failure> {
        let at = (self.start + index * RELA_SIZE) as usize;
        let field = |offset| u64_at(file, at + offset).unwrap_or(0);
        let (offset, kind, addend) = (field(0), field(8), field(16));
        if kind != R_X86_64_RELATIVE.into() {
            return Err(Problem::ElfRelocationKind.with(kind & 0xffff_ffff, offset));
        }
        let address = offset.wrapping_add(slide);
        let value = addend.wrapping_add(slide);
        Ok(Relocation { address, value })
    }

    /// Finds the table that the dynamic section names; nothing was moved yet.
    pub fn find(
        dynamic: &ProgramHeader,
        segments: &[Segment],
        file: &[u8],
    ) -> Result<Table, Failure> {
        let end = dynamic.offset.saturating_add(dynamic.file_size);
        let outside = Problem::ElfOutside.with(end, file.len() as u64);
        let range = dynamic.offset as usize..end as usize;
        let bytes = file.get(range).ok_or(outside)?;
        let (mut table, mut size, mut entry_size) = (0, 0, RELA_SIZE);
        for entry in bytes.chunks_exact(16) {
            let value = u64_at(entry, 8).unwrap_or(0);
            match u64_at(entry, 0).unwrap_or(DT_NULL) {
                DT_NULL => break,
                DT_RELA => table = value,
                DT_RELASZ => size = value,
                DT_RELAENT => entry_size = value,
                // Tables of other forms: kernels that need them are not half relocated.
                tag @ (DT_REL | DT_RELR | DT_PLTRELSZ) if value > 0 => {
                    return Err(Problem::ElfRelocationKind.with(tag, dynamic.address));
                }
                _ => {}
            }
        }
        if size == 0 {
            return Ok(Table::EMPTY);
        }
        let wrong = Problem::ElfRelocation.with(table, size);
        let in_file = |segment: &&Segment| {
            table >= segment.address
                && table < segment.file_end()
                && size <= segment.file_end() - table
        };
        let segment = segments.iter().find(in_file).ok_or(wrong)?;
        if entry_size != RELA_SIZE || size % RELA_SIZE != 0 {
            return Err(wrong);
        }
        Ok(Table {
            start: segment.offset + (table - segment.address),
            count: size / RELA_SIZE,
        })
    }
}
