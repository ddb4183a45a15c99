//! Handovers: what a kernel finds when it begins. Each protocol is a file here and an arm in `find`.

pub mod bootloader_09;

use crate::elf::Elf;
use crate::failure::{Failure, Kind};
use crate::kernel_file::Settings;
use crate::memory_map::Region;

/// Virtual addresses from `start` up to `end` that the loader itself keeps mapped.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub start: u64,
    pub end: u64,
}

/// Where the loader's own pages of the kernel's address space are, all virtual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A whole page for what is handed over.
    pub boot_info: u64,
    /// The page below the stack that stays unmapped.
    pub guard: u64,
    /// The stack's lowest byte and the first address after it.
    pub stack: (u64, u64),
}

/// One protocol.
pub trait Handover {
    /// Says where boot information and stack go; refuses a kernel whose addresses collide with them or with `kept`.
    fn plan(&self, elf: &Elf, settings: &Settings, kept: &[Kept]) -> Result<Plan, Failure>;

    /// Fills the boot information's page. `regions` is final.
    fn write_boot_info(&self, page: &mut [u8], regions: &[Region], elf: &Elf);
}

/// Returns the protocol of that number in the kernel file.
pub fn find(number: u32) -> Result<&'static dyn Handover, Failure> {
    match u64::from(number) {
        layout::HANDOVER_BOOTLOADER_09 => Ok(&bootloader_09::Bootloader09),
        _ => Err(Kind::Handover.with(number.into(), 0)),
    }
}
