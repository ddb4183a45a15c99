//! The kernel file: its header with the kernel's settings, checked field by field. The offsets are layout.py's.

use crate::bytes::{u32_at, u64_at};
use crate::checksum;
use crate::failure::{Failure, Kind};
use crate::memory::{PAGE, is_canonical, page_of};

/// The size of the header in bytes; the ELF follows.
pub const HEADER_SIZE: usize = layout::KERNEL_HEADER_SIZE as usize;

const RECORDS_MAX: usize = HEADER_SIZE - layout::KERNEL_RECORDS_OFFSET as usize;
const DEFAULT_STACK_SIZE: u64 = 512 * PAGE;

/// What a kernel asks of its loader; `None` leaves the choice to the handover. Addresses are virtual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub handover: u32,
    pub stack_size: u64,
    pub stack_address: Option<u64>,
    pub boot_info_address: Option<u64>,
    pub physical_memory_offset: Option<u64>,
}

/// A header that may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelFile {
    /// The ELF's size in bytes; on the disk zeroes fill its last sector.
    pub elf_length: u64,
    /// The checksum that the ELF must have.
    pub checksum: u64,
    pub settings: Settings,
}

impl KernelFile {
    /// Reads the header, which is HEADER_SIZE bytes, of a file that may take `room` bytes.
    pub fn parse(header: &[u8], room: u64) -> Result<KernelFile, Failure> {
        let dword = |offset: u64| u32_at(header, offset as usize).unwrap_or(0);
        let quadword = |offset: u64| u64_at(header, offset as usize).unwrap_or(0);
        if header.len() != HEADER_SIZE
            || quadword(layout::KERNEL_MAGIC_OFFSET) != layout::KERNEL_MAGIC
        {
            return Err(Kind::KernelMagic.alone());
        }
        let sum = checksum::without_field(header, layout::KERNEL_HEADER_CHECKSUM_OFFSET as usize);
        let stated = quadword(layout::KERNEL_HEADER_CHECKSUM_OFFSET);
        if sum != stated {
            return Err(Kind::KernelHeader.with(sum, stated));
        }
        let version = dword(layout::KERNEL_VERSION_OFFSET).into();
        if version != layout::KERNEL_VERSION {
            return Err(Kind::KernelVersion.with(version, layout::KERNEL_VERSION));
        }
        let header_size = dword(layout::KERNEL_HEADER_SIZE_OFFSET).into();
        if header_size != layout::KERNEL_HEADER_SIZE {
            return Err(Kind::KernelField.with(layout::KERNEL_HEADER_SIZE_OFFSET, header_size));
        }
        let elf_length = quadword(layout::KERNEL_ELF_LENGTH_OFFSET);
        let length = elf_length.saturating_add(layout::KERNEL_HEADER_SIZE);
        if length > room {
            return Err(Kind::KernelTruncated.with(length, room));
        }
        let records_length = dword(layout::KERNEL_RECORDS_LENGTH_OFFSET) as usize;
        if records_length > RECORDS_MAX {
            return Err(
                Kind::KernelField.with(layout::KERNEL_RECORDS_LENGTH_OFFSET, records_length as u64)
            );
        }
        let records = &header[layout::KERNEL_RECORDS_OFFSET as usize..][..records_length];
        Ok(KernelFile {
            elf_length,
            checksum: quadword(layout::KERNEL_CHECKSUM_OFFSET),
            settings: Settings::parse(records, dword(layout::KERNEL_HANDOVER_OFFSET))?,
        })
    }
}

impl Settings {
    /// Reads the records: tag u32, length u32, and here always a u64.
    fn parse(records: &[u8], handover: u32) -> Result<Settings, Failure> {
        let mut settings = Settings {
            handover,
            stack_size: DEFAULT_STACK_SIZE,
            stack_address: None,
            boot_info_address: None,
            physical_memory_offset: None,
        };
        for record in records.chunks(16) {
            let (Some(tag), Some(8), Some(value)) =
                (u32_at(record, 0), u32_at(record, 4), u64_at(record, 8))
            else {
                let length = u32_at(record, 4).unwrap_or(record.len() as u32);
                return Err(Kind::KernelField.with(layout::KERNEL_RECORDS_OFFSET, length.into()));
            };
            let unknown = Kind::UnknownRecord.with(tag.into(), value);
            if page_of(value) != value || !is_canonical(value) {
                return Err(if known(tag) {
                    Kind::RecordValue.with(tag.into(), value)
                } else {
                    unknown
                });
            }
            match u64::from(tag) {
                layout::RECORD_KERNEL_STACK_SIZE if value > 0 && value < 1 << 46 => {
                    settings.stack_size = value
                }
                layout::RECORD_KERNEL_STACK_SIZE => {
                    return Err(Kind::RecordValue.with(tag.into(), value));
                }
                layout::RECORD_KERNEL_STACK_ADDRESS => settings.stack_address = Some(value),
                layout::RECORD_BOOT_INFO_ADDRESS => settings.boot_info_address = Some(value),
                layout::RECORD_PHYSICAL_MEMORY_OFFSET => {
                    settings.physical_memory_offset = Some(value)
                }
                layout::RECORD_FEATURES if value == 0 => {}
                _ => return Err(unknown),
            }
        }
        Ok(settings)
    }
}

/// True for the tags whose values are whole pages.
fn known(tag: u32) -> bool {
    matches!(
        u64::from(tag),
        layout::RECORD_KERNEL_STACK_SIZE
            | layout::RECORD_KERNEL_STACK_ADDRESS
            | layout::RECORD_BOOT_INFO_ADDRESS
            | layout::RECORD_PHYSICAL_MEMORY_OFFSET
    )
}
