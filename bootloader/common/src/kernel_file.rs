//! The kernel file: its header with the kernel's settings, checked field by field. The offsets are layout.py's.

use crate::bytes::{u32_at, u64_at};
use crate::checksum;
use crate::failure::{Failure, Kind};
use crate::memory::{PAGE, is_canonical};

/// The size of the header in bytes; the ELF follows.
pub const HEADER_SIZE: usize = layout::KERNEL_HEADER_SIZE as usize;

const RECORDS_MAX: usize = HEADER_SIZE - layout::KERNEL_RECORDS_OFFSET as usize;
const DEFAULT_STACK_SIZE: u64 = 512 * PAGE;

/// What a kernel asks of its loader; `None` leaves the choice to the handover. Addresses are virtual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub handover: u32,
    pub stack_size: u64,
    /// FEATURE_... of layout.py.
    pub features: u64,
    pub stack_address: Option<u64>,
    pub boot_info_address: Option<u64>,
    pub physical_memory_offset: Option<u64>,
    pub kernel_base: Option<u64>,
    pub framebuffer_address: Option<u64>,
    pub recursive_address: Option<u64>,
    pub ramdisk_address: Option<u64>,
    /// Where addresses that the loader chooses begin, and end.
    pub dynamic_range: (Option<u64>, Option<u64>),
    /// Pixels in a row, and rows, that a frame buffer should have at least.
    pub minimum_size: (u64, u64),
    pub api_version: u64,
    /// A file behind the ELF: its length in bytes.
    pub ramdisk_length: u64,
    pub ramdisk_checksum: u64,
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
        let sectors = length.next_multiple_of(layout::SECTOR_SIZE);
        let records_length = dword(layout::KERNEL_RECORDS_LENGTH_OFFSET) as usize;
        if records_length > RECORDS_MAX {
            return Err(
                Kind::KernelField.with(layout::KERNEL_RECORDS_LENGTH_OFFSET, records_length as u64)
            );
        }
        let records = &header[layout::KERNEL_RECORDS_OFFSET as usize..][..records_length];
        let settings = Settings::parse(records, dword(layout::KERNEL_HANDOVER_OFFSET))?;
        let length = sectors.saturating_add(settings.ramdisk_length);
        if settings.ramdisk_length > 0 && length > room {
            return Err(Kind::KernelTruncated.with(length, room));
        }
        Ok(KernelFile {
            elf_length,
            checksum: quadword(layout::KERNEL_CHECKSUM_OFFSET),
            settings,
        })
    }
}

impl Settings {
    /// What a kernel of that handover gets that asks for nothing.
    pub const fn new(handover: u32) -> Settings {
        Settings {
            handover,
            stack_size: DEFAULT_STACK_SIZE,
            features: 0,
            stack_address: None,
            boot_info_address: None,
            physical_memory_offset: None,
            kernel_base: None,
            framebuffer_address: None,
            recursive_address: None,
            ramdisk_address: None,
            dynamic_range: (None, None),
            minimum_size: (0, 0),
            api_version: 0,
            ramdisk_length: 0,
            ramdisk_checksum: 0,
        }
    }

    /// True when the kernel asks for that FEATURE_ of layout.py.
    pub fn has(&self, feature: u64) -> bool {
        self.features & feature != 0
    }

    /// Reads the records: tag u32, length u32, and here always a u64.
    fn parse(records: &[u8], handover: u32) -> Result<Settings, Failure> {
        let mut settings = Settings::new(handover);
        for record in records.chunks(16) {
            let (Some(tag), Some(8), Some(value)) =
                (u32_at(record, 0), u32_at(record, 4), u64_at(record, 8))
            else {
                let length = u32_at(record, 4).unwrap_or(record.len() as u32);
                return Err(Kind::KernelField.with(layout::KERNEL_RECORDS_OFFSET, length.into()));
            };
            settings.take(tag.into(), value)?;
        }
        Ok(settings)
    }

    fn take(&mut self, tag: u64, value: u64) -> Result<(), Failure> {
        let wrong = Err(Kind::RecordValue.with(tag, value));
        let address = match tag {
            layout::RECORD_KERNEL_STACK_SIZE if value > 0 && value < 1 << 46 => {
                self.stack_size = value;
                return Ok(());
            }
            layout::RECORD_KERNEL_STACK_SIZE => return wrong,
            layout::RECORD_FEATURES if value & !layout::FEATURES_ALL == 0 => {
                self.features = value;
                return Ok(());
            }
            layout::RECORD_MINIMUM_WIDTH => {
                self.minimum_size.0 = value;
                return Ok(());
            }
            layout::RECORD_MINIMUM_HEIGHT => {
                self.minimum_size.1 = value;
                return Ok(());
            }
            layout::RECORD_API_VERSION => {
                self.api_version = value;
                return Ok(());
            }
            layout::RECORD_RAMDISK_LENGTH => {
                self.ramdisk_length = value;
                return Ok(());
            }
            layout::RECORD_RAMDISK_CHECKSUM => {
                self.ramdisk_checksum = value;
                return Ok(());
            }
            layout::RECORD_KERNEL_STACK_ADDRESS => &mut self.stack_address,
            layout::RECORD_BOOT_INFO_ADDRESS => &mut self.boot_info_address,
            layout::RECORD_PHYSICAL_MEMORY_OFFSET => &mut self.physical_memory_offset,
            layout::RECORD_KERNEL_BASE => &mut self.kernel_base,
            layout::RECORD_FRAMEBUFFER_ADDRESS => &mut self.framebuffer_address,
            layout::RECORD_RECURSIVE_ADDRESS => &mut self.recursive_address,
            layout::RECORD_RAMDISK_ADDRESS => &mut self.ramdisk_address,
            layout::RECORD_DYNAMIC_RANGE_START => &mut self.dynamic_range.0,
            layout::RECORD_DYNAMIC_RANGE_END => &mut self.dynamic_range.1,
            _ => return Err(Kind::UnknownRecord.with(tag, value)),
        };
        let alignment = match tag {
            // May begin within a page.
            layout::RECORD_BOOT_INFO_ADDRESS => 8,
            layout::RECORD_DYNAMIC_RANGE_START | layout::RECORD_DYNAMIC_RANGE_END => 1,
            _ => PAGE,
        };
        if !is_canonical(value) || value % alignment != 0 {
            return wrong;
        }
        *address = Some(value);
        Ok(())
    }
}
