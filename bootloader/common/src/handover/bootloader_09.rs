//! The handover of the crate bootloader 0.9 without features: a BootInfo of 1576 bytes, and where things lie.
//!
//! Source: rust-osdev/bootloader, branch v0.9-base; the offsets are those of its `#[repr(C)]` BootInfo.

use super::{Handover, Kept, Plan};
use crate::elf::{Elf, Tls};
use crate::failure::{Failure, Kind};
use crate::kernel_file::Settings;
use crate::memory::{PAGE, is_canonical};
use crate::memory_map::{Region, Use};

/// The entries of BootInfo's memory map, 24 bytes each: first frame, last frame + 1, type.
const ENTRIES: usize = 64;
const ENTRY_SIZE: usize = 24;
const COUNT_OFFSET: usize = ENTRIES * ENTRY_SIZE;
const TLS_OFFSET: usize = COUNT_OFFSET + 8;

/// The type of an entry that is not in use.
const EMPTY: u32 = 11;

/// A top-level page-table entry covers this much.
const P4_ENTRY_SIZE: u64 = 1 << 39;

/// The protocol.
pub struct Bootloader09;

impl Handover for Bootloader09 {
    fn plan(&self, elf: &Elf, settings: &Settings, kept: &[Kept]) -> Result<Plan, Failure> {
        let boot_info = match settings.boot_info_address {
            Some(address) => address,
            None => free_p4_entry(elf, settings)?,
        };
        // As upstream: the configured address is that of the guard page, which lies below the stack itself.
        let wild = Kind::ElfWild.with(boot_info, PAGE);
        let after = boot_info.checked_add(PAGE).ok_or(wild)?;
        let guard = settings.stack_address.unwrap_or(after);
        let end = guard
            .checked_add(PAGE)
            .and_then(|stack| stack.checked_add(settings.stack_size));
        let last_is_canonical = |&end: &u64| is_canonical(end - 1) && (end ^ guard) >> 63 == 0;
        let end = end
            .filter(last_is_canonical)
            .ok_or(Kind::ElfWild.with(guard, settings.stack_size))?;
        let plan = Plan {
            boot_info,
            guard,
            stack: (guard + PAGE, end),
        };
        let own = [(boot_info, after), (guard, end)];
        super::check_collisions(elf, &own, kept)?;
        Ok(plan)
    }

    fn write_boot_info(&self, page: &mut [u8], regions: &[Region], elf: &Elf) {
        page.fill(0);
        let mut count = 0;
        let smallest = smallest_listed(regions);
        let listed = regions
            .iter()
            .filter(|region| region.end - region.start >= smallest);
        for (slot, region) in page[..COUNT_OFFSET]
            .chunks_exact_mut(ENTRY_SIZE)
            .zip(listed)
        {
            write_entry(
                slot,
                region.start / PAGE,
                region.end / PAGE,
                type_of(region.purpose),
            );
            count += 1;
        }
        for slot in page[..COUNT_OFFSET]
            .chunks_exact_mut(ENTRY_SIZE)
            .skip(count)
        {
            write_entry(slot, 0, 0, EMPTY);
        }
        let Tls {
            address,
            file_size,
            memory_size,
        } = elf.tls.unwrap_or_default();
        let fields = [count as u64, address, file_size, memory_size];
        for (slot, value) in page[COUNT_OFFSET..TLS_OFFSET + 24]
            .chunks_exact_mut(8)
            .zip(fields)
        {
            slot.copy_from_slice(&value.to_le_bytes());
        }
    }
}

fn write_entry(slot: &mut [u8], start_frame: u64, end_frame: u64, kind: u32) {
    slot[0..8].copy_from_slice(&start_frame.to_le_bytes());
    slot[8..16].copy_from_slice(&end_frame.to_le_bytes());
    slot[16..20].copy_from_slice(&kind.to_le_bytes());
}

/// The size from which regions are listed: when there are too many, the smallest are left out, which is safe,
/// because what the map does not mention nobody uses.
fn smallest_listed(regions: &[Region]) -> u64 {
    let mut size = 0;
    while regions
        .iter()
        .filter(|region| region.end - region.start >= size)
        .count()
        > ENTRIES
    {
        size = if size == 0 { PAGE } else { size * 2 };
    }
    size
}

fn type_of(purpose: Use) -> u32 {
    match purpose {
        Use::Usable => 0,
        Use::Reserved => 2,
        Use::AcpiReclaimable => 3,
        Use::AcpiNvs => 4,
        Use::BadMemory => 5,
        Use::Kernel => 6,
        Use::KernelStack => 7,
        Use::PageTable => 8,
        Use::Bootloader => 9,
        Use::FrameZero => 10,
        Use::BootInfo => 12,
    }
}

/// The address of the first top-level entry that nothing uses; entry 0 counts as used.
fn free_p4_entry(elf: &Elf, settings: &Settings) -> Result<u64, Failure> {
    let index = |address: u64| (address / P4_ENTRY_SIZE) % 512;
    let stack_end = settings
        .stack_address
        .map(|address| address.saturating_add(settings.stack_size));
    let configured = [
        settings.stack_address,
        stack_end,
        settings.physical_memory_offset,
    ];
    let is_free = |&entry: &u64| {
        let in_segment =
            |&(start, last): &(u64, u64)| (index(start)..=index(last)).contains(&entry);
        let mut segments = elf
            .segments()
            .iter()
            .map(|segment| (segment.address, segment.end() - 1));
        segments.all(|segment| !in_segment(&segment))
            && !configured.iter().flatten().any(|&at| index(at) == entry)
    };
    let entry = (1..512).find(is_free).ok_or(Kind::ElfWild.with(0, 0))?;
    // The upper half's addresses have their upper 16 bits set.
    Ok(((entry * P4_ENTRY_SIZE) << 16) as i64 as u64 >> 16
        | if entry >= 256 { 0xffff << 48 } else { 0 })
}
