//! Finding a partition by its type in a GUID partition table (UEFI 2.10, chapter 5.3).
//!
//! Only the primary table is read: a loader that boots from a half-broken disk hides that it breaks.

use crate::bytes::{ReadAt, take, u32_at, u64_at};
use crate::crc32::{crc32, crc32_sparse};
use crate::failure::{Failure, Kind};

const SIGNATURE: [u8; 8] = *b"EFI PART";
const REVISION: u32 = 0x0001_0000;
const HEADER_SIZE_MIN: u32 = 92;

const REVISION_OFFSET: usize = 8;
const HEADER_SIZE_OFFSET: usize = 12;
const HEADER_CRC_OFFSET: usize = 16;
const MY_LBA_OFFSET: usize = 24;
const FIRST_USABLE_OFFSET: usize = 40;
const LAST_USABLE_OFFSET: usize = 48;
const ENTRIES_LBA_OFFSET: usize = 72;
const ENTRY_COUNT_OFFSET: usize = 80;
const ENTRY_SIZE_OFFSET: usize = 84;
const ENTRIES_CRC_OFFSET: usize = 88;

/// A partition: where it begins on the disk, and its size, both in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub start: u64,
    pub length: u64,
}

struct Header {
    first_usable_lba: u64,
    last_usable_lba: u64,
    entries_lba: u64,
    entry_count: u32,
    entry_size: u32,
    entries_crc: u32,
}

/// Returns the first partition whose type is `type_guid`; every field is checked before it is used.
pub fn find(disk: &mut impl ReadAt, type_guid: &[u8; 16]) -> Result<Partition, Failure> {
    let header = Header::read(disk)?;
    let size = header.entry_count as usize * header.entry_size as usize;
    let sector_size = disk.sector_size();
    let sectors = size.next_multiple_of(sector_size as usize);
    let array = &disk.read_at(header.entries_lba * sector_size, sectors)?[..size];
    let crc = crc32_sparse(array);
    if crc != header.entries_crc {
        return Err(Kind::GptEntries.with(crc.into(), header.entries_crc.into()));
    }
    let entry = array
        .chunks_exact(header.entry_size as usize)
        .find(|entry| take(entry, 0) == Some(*type_guid))
        .ok_or(Kind::NoKernelPartition.with(header.entry_count.into(), 0))?;
    let starting_lba = u64_at(entry, 32).unwrap_or(0);
    let ending_lba = u64_at(entry, 40).unwrap_or(0);
    let allowed = header.first_usable_lba..=header.last_usable_lba;
    let inside = allowed.contains(&starting_lba) && allowed.contains(&ending_lba);
    if !inside || starting_lba > ending_lba {
        return Err(Kind::GptBounds.with(starting_lba, ending_lba));
    }
    // Neither overflows: `Header::read` bounds the last LBA.
    Ok(Partition {
        start: starting_lba * sector_size,
        length: (ending_lba - starting_lba + 1) * sector_size,
    })
}

impl Header {
    fn read(disk: &mut impl ReadAt) -> Result<Header, Failure> {
        let (largest, sector_size) = (disk.largest_read() as u64, disk.sector_size());
        let sector = disk.read_at(layout::GPT_HEADER_LBA * sector_size, sector_size as usize)?;
        if take(sector, 0) != Some(SIGNATURE) {
            return Err(Kind::GptSignature.alone());
        }
        let dword = |offset| u32_at(sector, offset).unwrap_or(0);
        let quadword = |offset| u64_at(sector, offset).unwrap_or(0);
        let check = |good: bool, offset: usize, value: u64| {
            if good {
                Ok(value)
            } else {
                Err(Kind::GptHeaderField.with(offset as u64, value))
            }
        };
        let header_size = dword(HEADER_SIZE_OFFSET);
        let in_sector = (HEADER_SIZE_MIN..=sector_size as u32).contains(&header_size);
        check(in_sector, HEADER_SIZE_OFFSET, header_size.into())?;
        let after_crc = &sector[HEADER_CRC_OFFSET + 4..header_size as usize];
        let crc = crc32(&[&sector[..HEADER_CRC_OFFSET], &[0; 4], after_crc]);
        if crc != dword(HEADER_CRC_OFFSET) {
            return Err(Kind::GptHeader.with(crc.into(), dword(HEADER_CRC_OFFSET).into()));
        }
        let revision = dword(REVISION_OFFSET);
        check(revision == REVISION, REVISION_OFFSET, revision.into())?;
        let my_lba = quadword(MY_LBA_OFFSET);
        check(my_lba == layout::GPT_HEADER_LBA, MY_LBA_OFFSET, my_lba)?;
        let entries_lba = quadword(ENTRIES_LBA_OFFSET);
        // The whole disk is below 2 to the 63 bytes, so that no offset in bytes overflows.
        let lba_limit = (1 << 63) / sector_size;
        check(
            (2..lba_limit).contains(&entries_lba),
            ENTRIES_LBA_OFFSET,
            entries_lba,
        )?;
        let entry_size = dword(ENTRY_SIZE_OFFSET);
        let good_size = entry_size.is_power_of_two() && (128..=4096).contains(&entry_size);
        check(good_size, ENTRY_SIZE_OFFSET, entry_size.into())?;
        let entry_count = dword(ENTRY_COUNT_OFFSET);
        let room = largest & !(sector_size - 1);
        let fits = u64::from(entry_count) * u64::from(entry_size) <= room;
        check(
            entry_count > 0 && fits,
            ENTRY_COUNT_OFFSET,
            entry_count.into(),
        )?;
        let last_usable_lba = quadword(LAST_USABLE_OFFSET);
        check(
            last_usable_lba < lba_limit - 1,
            LAST_USABLE_OFFSET,
            last_usable_lba,
        )?;
        Ok(Header {
            first_usable_lba: quadword(FIRST_USABLE_OFFSET),
            last_usable_lba,
            entries_lba,
            entry_count,
            entry_size,
            entries_crc: dword(ENTRIES_CRC_OFFSET),
        })
    }
}
