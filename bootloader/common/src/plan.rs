//! What a kernel's address space holds beside its segments: decided as a whole, checked, then mapped.

use crate::elf::Image;
use crate::failure::{Failure, Kind};
use crate::memory::{
    Access, AddressSpace, FrameAllocator, PAGE, Placement, Run, is_canonical, page_of, pages_of,
};
use crate::region::Use;
use crate::top_level;

/// Where the frames of a mapping come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    New(Use),
    At(u64),
}

/// Pages in a row, and a page below them that stays unmapped where `guard` says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub address: u64,
    pub length: u64,
    pub frames: Frames,
    pub access: Access,
    pub guard: bool,
}

impl Mapping {
    /// Pages that keep their physical address.
    pub const fn identity(start: u64, end: u64, access: Access) -> Mapping {
        Mapping {
            address: start,
            length: end - start,
            frames: Frames::At(start),
            access,
            guard: false,
        }
    }

    /// The range of addresses that nothing else may touch, its end exclusive.
    fn range(&self) -> (u64, u64) {
        let guard = if self.guard { PAGE } else { 0 };
        (self.address - guard, self.address + self.length)
    }

    /// Refuses what is no row of whole pages of canonical addresses.
    fn check(&self) -> Result<(), Failure> {
        let wild = Err(Kind::ElfWild.with(self.address, self.length));
        let guard = if self.guard { PAGE } else { 0 };
        let Some(start) = self.address.checked_sub(guard) else {
            return wild;
        };
        let last = self.address.checked_add(self.length.saturating_sub(1));
        // The last page of all addresses is left out, so that every end is an address.
        let last = last.filter(|&last| last < page_of(u64::MAX) && self.length > 0);
        match last {
            Some(last) if is_canonical(start) && is_canonical(last) => {
                if (start ^ last) >> 63 != 0 {
                    return wild;
                }
            }
            _ => return wild,
        }
        if self.address % PAGE != 0 || self.length % PAGE != 0 {
            return Err(Kind::Alignment.with(self.address, PAGE));
        }
        Ok(())
    }
}

const MAPPINGS_MAX: usize = 8;

/// The mappings, in the order of their making, and the top-level entry that points to its own table.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    mappings: [Mapping; MAPPINGS_MAX],
    count: usize,
    recursive: Option<(u64, Access)>,
}

impl Plan {
    /// A plan with nothing but what stays where it is.
    pub fn new(identity: &[Mapping]) -> Plan {
        let mut plan = Plan {
            mappings: [Mapping::identity(0, 0, Access::READ); MAPPINGS_MAX],
            count: 0,
            recursive: None,
        };
        for &mapping in identity {
            plan.push(mapping);
        }
        plan
    }

    fn push(&mut self, mapping: Mapping) {
        self.mappings[self.count] = mapping;
        self.count += 1;
    }

    /// Adds a mapping; refuses one that is wild or meets another.
    pub fn add(&mut self, mapping: Mapping) -> Result<(), Failure> {
        mapping.check()?;
        let others = self.mappings().iter().map(Mapping::range);
        refuse_one_of(others, mapping.range())?;
        self.push(mapping);
        Ok(())
    }

    /// Lets the top-level entry of `address` point to its own table.
    pub fn add_recursive(&mut self, address: u64, access: Access) {
        self.recursive = Some((address, access));
    }

    /// The mappings in their order.
    pub fn mappings(&self) -> &[Mapping] {
        self.mappings.get(..self.count).unwrap_or(&self.mappings)
    }

    /// Refuses a kernel whose segments meet a mapping, or one of which lies in the recursive entry.
    pub fn check(&self, image: &Image) -> Result<(), Failure> {
        let segments = || {
            let segments = image.segments().iter();
            segments.map(|segment| (page_of(segment.address), pages_of(segment.end())))
        };
        for mapping in self.mappings() {
            refuse_one_of(segments(), mapping.range())?;
        }
        if let Some((address, _)) = self.recursive {
            let all = segments().chain(self.mappings().iter().map(Mapping::range));
            for (start, end) in all {
                let entries = top_level::index(start)..=top_level::index(end - 1);
                if entries.contains(&top_level::index(address)) {
                    return Err(Kind::ElfWild.with(start, address));
                }
            }
        }
        Ok(())
    }

    /// Maps everything; returns the frame of the mapping that `purpose` got frames for.
    pub fn apply<F: FrameAllocator, S: AddressSpace>(
        &self,
        frames: &mut F,
        space: &mut S,
        purpose: Use,
    ) -> Result<u64, Failure> {
        let mut found = 0;
        for mapping in self.mappings() {
            let frame = match mapping.frames {
                Frames::At(frame) => frame,
                Frames::New(purpose) => frames.allocate(purpose, mapping.length, Placement::ANY)?,
            };
            if mapping.frames == Frames::New(purpose) {
                found = frame;
            }
            let run = Run {
                address: mapping.address,
                frame,
                length: mapping.length,
                large: true,
            };
            space.map(frames, run, mapping.access)?;
        }
        if let Some((address, access)) = self.recursive {
            space.map_recursively(frames, address, access)?;
        }
        Ok(found)
    }
}

fn refuse_one_of(
    mut candidates: impl Iterator<Item = (u64, u64)>,
    taken: (u64, u64),
) -> Result<(), Failure> {
    match candidates.find(|range| range.0.max(taken.0) < range.1.min(taken.1)) {
        Some(found) => Err(Kind::ElfWild.with(found.0, taken.0)),
        None => Ok(()),
    }
}
