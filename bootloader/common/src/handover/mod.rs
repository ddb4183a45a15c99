//! Handovers: what a kernel finds when it begins. Each protocol is a file here and an arm in `find`.

pub mod bootloader_09;

use crate::elf::Elf;
use crate::failure::{Failure, Kind};
use crate::kernel_file::Settings;
use crate::memory::{page_of, pages_of};
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

/// Refuses a kernel two of whose ranges of pages lie in one place: its segments, the loader's `own`, and `kept`.
///
/// They are told apart by where they are listed, not by their values: two that are equal collide as well.
fn check_collisions(elf: &Elf, own: &[(u64, u64)], kept: &[Kept]) -> Result<(), Failure> {
    let segments = || {
        let ranges = elf.segments().iter();
        ranges.map(|segment| (page_of(segment.address), pages_of(segment.end())))
    };
    let kept = || kept.iter().map(|kept| (kept.start, kept.end));
    for taken in kept() {
        refuse_one_of(&mut segments(), taken)?;
    }
    for (index, &mine) in own.iter().enumerate() {
        let before = own[..index].iter().copied();
        refuse_one_of(&mut before.chain(kept()).chain(segments()), mine)?;
    }
    Ok(())
}

fn refuse_one_of(
    candidates: &mut impl Iterator<Item = (u64, u64)>,
    taken: (u64, u64),
) -> Result<(), Failure> {
    match candidates.find(|range| range.0.max(taken.0) < range.1.min(taken.1)) {
        Some(found) => Err(Kind::ElfWild.with(found.0, taken.0)),
        None => Ok(()),
    }
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
