//! The handover of bootloader_api 0.11: a BootInfo of 232 bytes with the memory's regions behind it.
//!
//! Source: rust-osdev/bootloader 0.11, common/src/lib.rs and api/src/info.rs; the offsets are those of its `#[repr(C)]`
//! BootInfo. Fields were only ever inserted before its last one, so that older kernels read it as well.

use crate::elf::{Image, Kind as ImageKind, Tls};
use crate::facts::{Entry, Facts};
use crate::failure::{Failure, Kind};
use crate::file::Placed;
use crate::kernel_file::Settings;
use crate::memory::{Access, PAGE, page_of, pages_of};
use crate::plan::{Frames, Mapping, Plan};
use crate::platform::{FrameBuffer, PixelFormat, Screen};
use crate::region::{Region, Use};
use crate::top_level::{self, TopLevel};

const BOOT_INFO_SIZE: u64 = 232;
const REGION_SIZE: u64 = 24;
/// Regions that the loader's own allocations may add to those that are there when the room is chosen.
const MORE_REGIONS: u64 = 40;
/// What the map of physical memory covers at least.
const LEAST_MEMORY: u64 = 4 << 30;
const TOP_LEVEL_ALIGNMENT: u64 = top_level::ENTRY_SIZE;

pub const WANTS_RSDP: bool = true;

/// What BootInfo will say beside the regions.
pub struct Ready {
    entry: Entry,
    /// Where BootInfo is, virtual, and how many regions have room behind it.
    boot_info: u64,
    room: u64,
    is_uefi: bool,
    api_version: u64,
    framebuffer: Option<(u64, FrameBuffer)>,
    physical_memory: Option<u64>,
    recursive: Option<u64>,
    rsdp: Option<u64>,
    tls: Option<Tls>,
    ramdisk: Option<(u64, u64)>,
    kernel: Placed,
    slide: u64,
    stack: (u64, u64),
}

pub fn screen(settings: &Settings) -> Screen {
    let (width, height) = settings.minimum_size;
    Screen::Linear { width, height }
}

pub fn plan(image: Image, facts: &Facts<'_>) -> Result<(Plan, Image, Ready), Failure> {
    let settings = facts.settings;
    let memory_end = facts.memory_end.max(LEAST_MEMORY);
    let room = facts.region_count as u64 + MORE_REGIONS;
    let mut free = free_entries(
        &image,
        facts,
        memory_end,
        BOOT_INFO_SIZE + room * REGION_SIZE,
    );
    let mut plan = Plan::new(facts.kept.jump);
    // Upstream's order: each gets top-level entries of its own.
    let image = place(image, settings, &mut free)?;
    for segment in image.segments() {
        free.take(segment.address, segment.end() - 1);
    }
    let guard = match settings.stack_address {
        Some(address) => address,
        None => free.choose(PAGE + settings.stack_size, PAGE)?,
    };
    let new = |address, length, purpose, guard| Mapping {
        address,
        length,
        frames: Frames::New(purpose),
        access: Access::WRITE,
        guard,
    };
    let there = |address, frame, length| Mapping {
        address,
        length,
        frames: Frames::At(frame),
        access: Access::WRITE,
        guard: false,
    };
    let stack = guard
        .checked_add(PAGE)
        .ok_or(Kind::ElfWild.with(guard, PAGE))?;
    let stack_length = pages_of(settings.stack_size);
    plan.add(new(stack, stack_length, Use::KernelStack, true))?;
    let mut framebuffer = None;
    if let Some(screen) = facts.framebuffer {
        let address = match settings.framebuffer_address {
            Some(address) => address,
            None => free.choose(screen.length, PAGE)?,
        };
        let frame = page_of(screen.address);
        let length = pages_of(screen.address + screen.length) - frame;
        plan.add(there(address, frame, length))?;
        framebuffer = Some((address + (screen.address - frame), screen));
    }
    let mut ramdisk = None;
    if let Some(Placed {
        address: frame,
        length,
    }) = facts.ramdisk
    {
        let address = match settings.ramdisk_address {
            Some(address) => address,
            None => free.choose(length, PAGE)?,
        };
        plan.add(there(address, frame, pages_of(length)))?;
        ramdisk = Some((address, length));
    }
    let mut physical_memory = None;
    if settings.has(layout::FEATURE_MAP_PHYSICAL_MEMORY) {
        let large = layout::LARGE_PAGE_SIZE;
        let offset = match settings.physical_memory_offset {
            Some(offset) => offset,
            None => free.choose(memory_end, large)?,
        };
        if offset % large != 0 {
            return Err(Kind::Alignment.with(offset, large));
        }
        plan.add(there(offset, 0, memory_end.next_multiple_of(large)))?;
        physical_memory = Some(offset);
    }
    let mut recursive = None;
    if settings.has(layout::FEATURE_RECURSIVE_PAGE_TABLE) {
        let address = match settings.recursive_address {
            Some(address) => address,
            None => free.choose_entry()?,
        };
        if address % TOP_LEVEL_ALIGNMENT != 0 {
            return Err(Kind::Alignment.with(address, TOP_LEVEL_ALIGNMENT));
        }
        plan.add_recursive(address, Access::WRITE);
        recursive = Some(top_level::index(address) as u64);
    }
    let size = BOOT_INFO_SIZE + room * REGION_SIZE;
    let boot_info = match settings.boot_info_address {
        Some(address) => address,
        None => free.choose(size, 8)?,
    };
    let boot_info_pages = page_of(boot_info);
    let length = pages_of(boot_info - boot_info_pages + size);
    plan.add(new(boot_info_pages, length, Use::BootInfo, false))?;
    let stack_end = (stack + settings.stack_size) & !15;
    let ready = Ready {
        entry: Entry::Jump64 {
            address: image.entry,
            stack_end,
            argument: boot_info,
        },
        boot_info,
        room,
        is_uefi: facts.is_uefi,
        api_version: settings.api_version,
        framebuffer,
        physical_memory,
        recursive,
        rsdp: facts.rsdp,
        tls: image.tls,
        ramdisk,
        kernel: facts.elf,
        slide: image.slide,
        stack: (stack, settings.stack_size),
    };
    Ok((plan, image, ready))
}

/// Puts a movable image where it may go; one that is not stays, and cannot be asked to move.
fn place(image: Image, settings: &Settings, free: &mut TopLevel) -> Result<Image, Failure> {
    match (image.kind, settings.kernel_base) {
        (ImageKind::Fixed, Some(base)) => {
            Err(Kind::RecordValue.with(layout::RECORD_KERNEL_BASE, base))
        }
        (ImageKind::Fixed, None) => Ok(image),
        (ImageKind::Movable, Some(base)) => image.moved_by(base),
        (ImageKind::Movable, None) => {
            let (start, end) = image.range();
            let base = free.choose(end - start, image.alignment)?;
            image.moved_to(base)
        }
    }
}

/// The top-level entries that nothing fixed lies in.
fn free_entries(image: &Image, facts: &Facts<'_>, memory_end: u64, boot_info: u64) -> TopLevel {
    let settings = facts.settings;
    let seed = settings.has(layout::FEATURE_ASLR).then_some(facts.seed);
    let mut free = TopLevel::new(seed);
    let mut take = |address: u64, size: u64| {
        let last = address.saturating_add(size.saturating_sub(1));
        free.take(address, last);
    };
    // Upstream's loader maps all of memory, and the frame buffer, to itself in the same table.
    take(0, memory_end);
    if let Some(screen) = facts.framebuffer {
        take(screen.address, screen.length);
    }
    let screen_length = facts.framebuffer.map_or(0, |screen| screen.length);
    let ramdisk_length = facts.ramdisk.map_or(0, |ramdisk| ramdisk.length);
    let (start, end) = image.range();
    let fixed = [
        (settings.physical_memory_offset, memory_end),
        (settings.recursive_address, 1),
        (settings.stack_address, PAGE + settings.stack_size),
        (settings.kernel_base, end - start),
        (settings.boot_info_address, boot_info),
        (settings.framebuffer_address, screen_length),
        (settings.ramdisk_address, ramdisk_length),
    ];
    for (address, size) in fixed {
        if let Some(address) = address {
            take(address, size);
        }
    }
    if image.kind == ImageKind::Fixed {
        take(start, end - start);
    }
    // Whole entries before and after the range that is allowed; the one that it begins or ends in stays.
    if let Some(first) = settings.dynamic_range.0.map(page_of).filter(|&at| at > 0) {
        free.take(0, first - 1);
    }
    let after = settings.dynamic_range.1.map(page_of);
    if let Some(after) = after.and_then(|last| last.checked_add(PAGE)) {
        free.take(after, u64::MAX);
    }
    free
}

impl Ready {
    pub fn boot_info_length(&self) -> u64 {
        pages_of(self.boot_info % PAGE + BOOT_INFO_SIZE + self.room * REGION_SIZE)
    }

    pub fn entry(&self, _: u64) -> Entry {
        self.entry
    }

    pub fn write(&self, pages: &mut [u8], regions: &[Region]) {
        pages.fill(0);
        let info = &mut pages[(self.boot_info % PAGE) as usize..];
        let (info, rest) = info.split_at_mut(BOOT_INFO_SIZE as usize);
        let mut count = 0;
        for (slot, region) in rest.chunks_exact_mut(REGION_SIZE as usize).zip(regions) {
            let (kind, payload) = kind_of(region.purpose, self.is_uefi);
            put(slot, 0, region.start);
            put(slot, 8, region.end);
            put(slot, 16, kind | payload << 32);
            count += 1;
        }
        put(info, 0, self.api_version);
        put(info, 8, self.boot_info + BOOT_INFO_SIZE);
        put(info, 16, count);
        put_option(info, 24, self.framebuffer.map(|(address, _)| address));
        if let Some((_, screen)) = self.framebuffer {
            let (format, positions) = match screen.format {
                PixelFormat::Rgb => (0, [0; 3]),
                PixelFormat::Bgr => (1, [0; 3]),
                PixelFormat::Unknown(positions) => (3, positions),
            };
            let [red, green, blue] = positions.map(u64::from);
            let sizes = [screen.length, screen.width, screen.height];
            for (index, size) in sizes.into_iter().enumerate() {
                put(info, 40 + index * 8, size);
            }
            put(info, 64, format | red << 32 | green << 40 | blue << 48);
            put(info, 72, screen.bytes_per_pixel);
            put(info, 80, screen.stride);
        }
        put_option(info, 88, self.physical_memory);
        // A u16, which begins right behind its tag.
        put(info, 104, self.recursive.map_or(1, |index| index << 32));
        put_option(info, 112, self.rsdp);
        put_option(info, 128, self.tls.map(|tls| tls.address));
        if let Some(tls) = self.tls {
            put(info, 144, tls.file_size);
            put(info, 152, tls.memory_size);
        }
        put_option(info, 160, self.ramdisk.map(|(address, _)| address));
        put(info, 176, self.ramdisk.map_or(0, |(_, length)| length));
        put(info, 184, self.kernel.address);
        put(info, 192, self.kernel.length);
        put(info, 200, self.slide);
        put(info, 208, self.stack.0);
        put(info, 216, self.stack.1);
    }
}

/// A region's kind and, of what the firmware keeps, its number: UEFI's, or E820's.
fn kind_of(purpose: Use, is_uefi: bool) -> (u64, u64) {
    let kept = |uefi, e820| if is_uefi { (2, uefi) } else { (3, e820) };
    match purpose {
        // Low memory too, of which no loader takes a frame for the kernel: other processors start there.
        Use::Usable => (0, 0),
        Use::Reserved => kept(0, 2),
        Use::AcpiReclaimable => kept(9, 3),
        Use::AcpiNvs => kept(10, 4),
        Use::BadMemory => kept(8, 5),
        Use::FrameZero
        | Use::Bootloader
        | Use::Kernel
        | Use::KernelStack
        | Use::PageTable
        | Use::BootInfo
        | Use::Ramdisk => (1, 0),
    }
}

fn put(bytes: &mut [u8], offset: usize, value: u64) {
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

/// An `Optional` of eight bytes: its tag, 0 for Some and 1 for None, then the value.
fn put_option(bytes: &mut [u8], offset: usize, value: Option<u64>) {
    put(bytes, offset, if value.is_some() { 0 } else { 1 });
    put(bytes, offset + 8, value.unwrap_or(0));
}
