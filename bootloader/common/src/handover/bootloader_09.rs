//! The handover of the crate bootloader 0.9: a BootInfo of 1576 to 1592 bytes, and where things lie.
//!
//! Source: rust-osdev/bootloader, branch v0.9-base, src/main.rs; the offsets are those of its `#[repr(C)]` BootInfo.

use crate::elf::{Image, Kind as ImageKind, Tls};
use crate::facts::{Entry, Facts};
use crate::failure::{Failure, Kind};
use crate::kernel_file::Settings;
use crate::memory::{Access, PAGE, pages_of};
use crate::plan::{Frames, Mapping, Plan};
use crate::platform::Screen;
use crate::region::{Region, Use};
use crate::top_level::TopLevel;

/// The entries of BootInfo's memory map, 24 bytes each: first frame, last frame + 1, type.
const ENTRIES: usize = 64;
const ENTRY_SIZE: usize = 24;
const COUNT_OFFSET: usize = ENTRIES * ENTRY_SIZE;
const BOOT_INFO_LENGTH: u64 = PAGE;

/// The type of an entry that is not in use.
const EMPTY: u32 = 11;

pub const WANTS_RSDP: bool = false;

/// What BootInfo will say beside the memory map.
pub struct Ready {
    entry: Entry,
    recursive: Option<u64>,
    physical_memory: Option<u64>,
    tls: Tls,
}

pub fn screen(settings: &Settings) -> Screen {
    if settings.has(layout::FEATURE_VGA_320X200) {
        Screen::Mode13h
    } else {
        Screen::Text
    }
}

pub fn plan(image: Image, facts: &Facts<'_>) -> Result<(Plan, Image, Ready), Failure> {
    let settings = facts.settings;
    let lowest = facts
        .kept
        .low
        .iter()
        .map(|mapping| mapping.address + mapping.length);
    let is_low = image.range().0 < lowest.max().unwrap_or(0);
    let mut image = match image.kind {
        // Which upstream does not know: it goes to where static ones are linked.
        ImageKind::Movable if is_low => image.moved_to(layout::MOVABLE_KERNEL_START)?,
        _ => image,
    };
    if image.kind == ImageKind::Fixed {
        // Upstream knows no RELRO: these pages have the rights of their segment.
        image.relro = None;
    }
    let mut plan = Plan::new(facts.kept.low);
    let mut free = free_entries(&image, facts);
    // Upstream's order. The recursive entry is taken whether it is wanted or not: addresses are the same either way.
    let recursive = free.choose_entry()?;
    if settings.has(layout::FEATURE_RECURSIVE_PAGE_TABLE) {
        plan.add_recursive(recursive, Access::ALL);
    }
    let boot_info = match settings.boot_info_address {
        Some(address) => address,
        None => free.choose_entry()?,
    };
    plan.add(Mapping {
        address: boot_info,
        length: BOOT_INFO_LENGTH,
        frames: Frames::New(Use::BootInfo),
        access: Access::WRITE,
        guard: false,
    })?;
    // The configured address is that of the guard page, which lies below the stack itself.
    let guard = settings.stack_address.unwrap_or(boot_info + PAGE);
    let stack = guard
        .checked_add(PAGE)
        .ok_or(Kind::ElfWild.with(guard, PAGE))?;
    let stack_size = pages_of(settings.stack_size);
    plan.add(Mapping {
        address: stack,
        length: stack_size,
        frames: Frames::New(Use::KernelStack),
        access: Access::WRITE,
        guard: true,
    })?;
    let mut physical_memory = None;
    if settings.has(layout::FEATURE_MAP_PHYSICAL_MEMORY) {
        let large = layout::LARGE_PAGE_SIZE;
        let offset = match settings.physical_memory_offset {
            Some(offset) => offset,
            None => free.choose(facts.memory_end, large)?,
        };
        if offset % large != 0 {
            return Err(Kind::Alignment.with(offset, large));
        }
        // To the page that the end of memory lies in, inclusive.
        plan.add(Mapping {
            address: offset,
            length: (facts.memory_end / large + 1) * large,
            frames: Frames::At(0),
            access: Access::ALL,
            guard: false,
        })?;
        physical_memory = Some(offset);
    }
    let ready = Ready {
        entry: Entry::Call64 {
            address: image.entry,
            stack_end: stack + stack_size,
            argument: boot_info,
            sse: settings.has(layout::FEATURE_SSE),
        },
        recursive: settings
            .has(layout::FEATURE_RECURSIVE_PAGE_TABLE)
            .then(|| recursive_address(recursive)),
        physical_memory,
        tls: image.tls.unwrap_or_default(),
    };
    Ok((plan, image, ready))
}

/// The top-level entries that neither the kernel uses nor its package names; entry 0 counts as used.
///
/// Upstream does not look at what the package names: it chooses such an entry for something else, and cannot start.
fn free_entries(image: &Image, facts: &Facts<'_>) -> TopLevel {
    let settings = facts.settings;
    let mut free = TopLevel::new(None);
    free.take(0, 0);
    for segment in image.segments() {
        // As upstream: the address after the last counts as used.
        free.take(segment.address, segment.end());
    }
    let stack_size = PAGE + pages_of(settings.stack_size);
    let behind = match settings.stack_address {
        Some(_) => 0,
        None => stack_size,
    };
    let named = [
        (settings.boot_info_address, BOOT_INFO_LENGTH + behind),
        (settings.stack_address, stack_size),
        (settings.physical_memory_offset, facts.memory_end),
    ];
    for (address, size) in named {
        if let Some(address) = address {
            free.take(address, address.saturating_add(size));
        }
    }
    free
}

/// The address by which the top level shows through the entry of `address`: all four indices are equal.
fn recursive_address(address: u64) -> u64 {
    let index = address >> 39 & 511;
    address | index << 30 | index << 21 | index << 12
}

impl Ready {
    pub fn boot_info_length(&self) -> u64 {
        BOOT_INFO_LENGTH
    }

    pub fn entry(&self, _: u64) -> Entry {
        self.entry
    }

    pub fn write(&self, page: &mut [u8], regions: &[Region]) {
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
        // The fields of features are there only if the features are.
        let fields = [
            Some(count as u64),
            self.recursive,
            self.physical_memory,
            Some(self.tls.address),
            Some(self.tls.file_size),
            Some(self.tls.memory_size),
        ];
        for (slot, value) in page[COUNT_OFFSET..]
            .chunks_exact_mut(8)
            .zip(fields.into_iter().flatten())
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
        Use::Ramdisk => 13,
    }
}
