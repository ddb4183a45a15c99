//! A protocol that nobody speaks, of Limine's kind: the kernel's data holds requests, and each gets a pointer to its
//! answer. tests/build/test_loader_crates.py puts it beside the others, with a row in their table and nothing else.

use crate::bytes::u64_at;
use crate::elf::Image;
use crate::facts::{Entry, Facts};
use crate::failure::{Failure, Kind};
use crate::kernel_file::Settings;
use crate::memory::{Access, PAGE, pages_of};
use crate::plan::{Frames, Mapping, Plan};
use crate::platform::Screen;
use crate::region::{Region, Use};
use crate::top_level::TopLevel;

pub const MAGIC: u64 = 0x7473_6575_7165_7221;
pub const WANTS_RSDP: bool = true;
/// An answer of each kind of request, a quadword: how much memory is usable, and where ACPI's root table is.
const ANSWERS: u64 = 2;

pub struct Ready {
    entry: Entry,
    rsdp: u64,
}

pub fn screen(_: &Settings) -> Screen {
    Screen::Text
}

pub fn plan(mut image: Image, facts: &Facts<'_>) -> Result<(Plan, Image, Ready), Failure> {
    let mut free = TopLevel::new(None);
    free.take(0, facts.memory_end);
    for segment in image.segments() {
        free.take(segment.address, segment.end() - 1);
    }
    let mut plan = Plan::new(facts.kept.jump);
    let mut add = |length, frames, guard| {
        let start = free.choose(length + PAGE, layout::LARGE_PAGE_SIZE)?;
        let address = if guard { start + PAGE } else { start };
        plan.add(Mapping {
            address,
            length,
            frames,
            access: Access::WRITE,
            guard,
        })?;
        Ok::<u64, Failure>(address)
    };
    let stack = add(
        pages_of(facts.settings.stack_size),
        Frames::New(Use::KernelStack),
        true,
    )?;
    let answers = add(PAGE, Frames::New(Use::BootInfo), false)?;
    add(
        facts.memory_end.next_multiple_of(layout::LARGE_PAGE_SIZE),
        Frames::At(0),
        false,
    )?;
    // A request: the magic number, which answer it wants, and the pointer that it gets.
    for at in (0..facts.file.len()).step_by(8) {
        if u64_at(facts.file, at) != Some(MAGIC) {
            continue;
        }
        let number = u64_at(facts.file, at + 8).filter(|&number| number < ANSWERS);
        let number = number.ok_or(Kind::UnknownRecord.with(at as u64, 0))?;
        let at = at as u64 + 16;
        let holds = |start: u64, size: u64| start <= at && at < start + size;
        let segments = image.segments().iter();
        let found = segments
            .filter(|segment| holds(segment.offset, segment.file_size))
            .map(|segment| segment.address + (at - segment.offset))
            .next();
        if let Some(pointer) = found {
            image.add_word(pointer, answers + number * 8)?;
        }
    }
    let entry = Entry::Jump64 {
        address: image.entry,
        stack_end: stack + pages_of(facts.settings.stack_size),
        argument: 0,
    };
    let rsdp = facts.rsdp.unwrap_or(0);
    Ok((plan, image, Ready { entry, rsdp }))
}

impl Ready {
    pub fn boot_info_length(&self) -> u64 {
        PAGE
    }

    pub fn write(&self, pages: &mut [u8], regions: &[Region]) {
        let usable = regions
            .iter()
            .filter(|region| region.purpose == Use::Usable);
        let bytes: u64 = usable.map(|region| region.end - region.start).sum();
        pages[..8].copy_from_slice(&bytes.to_le_bytes());
        pages[8..16].copy_from_slice(&self.rsdp.to_le_bytes());
    }

    /// With the answers' physical address as the argument, as Multiboot2 has it.
    pub fn entry(&self, frame: u64) -> Entry {
        let Entry::Jump64 {
            address, stack_end, ..
        } = self.entry
        else {
            return self.entry;
        };
        Entry::Jump64 {
            address,
            stack_end,
            argument: frame,
        }
    }
}
