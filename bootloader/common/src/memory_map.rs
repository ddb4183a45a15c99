//! The memory map: what the firmware reported, put in order, and what the loader took from it since.
//!
//! The map is the allocator too, so that what the kernel is told cannot differ from what was taken.

use crate::failure::{Failure, Kind};
use crate::memory::{PAGE, Placement, page_of};
pub use crate::region::{Region, Report, Use};

/// The most regions that a map holds; firmware that reports more loses its smallest ones. UEFI's have hundreds.
pub const CAPACITY: usize = 512;

/// What is said where there is no memory for `purpose`.
pub fn refusal(purpose: Use) -> Kind {
    if matches!(purpose, Use::Kernel | Use::Ramdisk) {
        Kind::KernelTooBig
    } else {
        Kind::OutOfMemory
    }
}

/// A place of the map that holds no region: all zeroes, so that a loader need not carry a copy.
const NOTHING: Region = Region {
    start: 0,
    end: 0,
    purpose: Use::Usable,
};

/// Regions in the order of their addresses; they do not overlap, and neighbours differ in use.
#[derive(Clone)]
pub struct MemoryMap {
    regions: [Region; CAPACITY],
    count: usize,
    /// Allocations lie between these addresses.
    window: (u64, u64),
}

impl MemoryMap {
    /// An empty map whose allocations lie from `floor` up to `ceiling`.
    pub const fn new(floor: u64, ceiling: u64) -> MemoryMap {
        MemoryMap {
            regions: [NOTHING; CAPACITY],
            count: 0,
            window: (floor, ceiling),
        }
    }

    /// Forgets all regions.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Lets allocations lie from `floor` up to `ceiling`.
    pub fn set_window(&mut self, floor: u64, ceiling: u64) {
        self.window = (floor, ceiling);
    }

    /// The regions, sorted.
    pub fn regions(&self) -> &[Region] {
        self.regions.get(..self.count).unwrap_or(&self.regions)
    }

    /// The end of the last region, whatever its use.
    pub fn end(&self) -> u64 {
        self.regions().last().map_or(0, |region| region.end)
    }

    /// The end of the last usable byte below `limit`, or 0.
    pub fn usable_end(&self, limit: u64) -> u64 {
        let usable = self
            .regions()
            .iter()
            .filter(|region| region.purpose == Use::Usable && region.start < limit);
        usable
            .map(|region| region.end.min(limit))
            .max()
            .unwrap_or(0)
    }

    /// Takes in what the firmware reports: any bytes, in any order; the worse use wins where reports overlap.
    pub fn take_reports(&mut self, reports: &[Report]) {
        // The usable ones first: then a region that is dropped for want of room cannot become usable again.
        let usable = |report: &&Report| report.purpose == Use::Usable;
        reports
            .iter()
            .filter(usable)
            .for_each(|report| self.take(report));
        reports
            .iter()
            .filter(|report| !usable(report))
            .for_each(|report| self.take(report));
    }

    fn take(&mut self, report: &Report) {
        let Report {
            start,
            length,
            purpose,
        } = *report;
        // Of no bytes nothing is said, nor of the frame that they would be in.
        if length == 0 {
            return;
        }
        // A frame that is usable in part is not usable, and the last frame of all addresses is given up.
        let end = start.saturating_add(length).min(page_of(u64::MAX));
        let (start, end) = match purpose {
            Use::Usable => (start.min(end).next_multiple_of(PAGE), page_of(end)),
            _ => (page_of(start), end.next_multiple_of(PAGE)),
        };
        let new = Region {
            start,
            end,
            purpose,
        };
        self.overlay(new, |old| old.max(Some(purpose)));
    }

    /// Marks the frames from `start` up to `end` as taken for `purpose`, as far as they are usable.
    pub fn reserve(&mut self, start: u64, end: u64, purpose: Use) {
        let new = Region {
            start,
            end,
            purpose,
        };
        self.overlay(new, |old| match old {
            Some(Use::Usable) => Some(purpose),
            _ => old,
        });
    }

    /// Makes the loader's frames from `start` up to `end` usable again.
    pub fn free(&mut self, start: u64, end: u64) {
        let new = Region {
            start,
            end,
            purpose: Use::Usable,
        };
        self.overlay(new, |old| match old {
            Some(Use::Bootloader) => Some(Use::Usable),
            _ => old,
        });
    }

    /// Puts `new` over what is there: `choose` says which use remains, of `None` too, which is what nobody reported.
    fn overlay(&mut self, new: Region, choose: impl Fn(Option<Use>) -> Option<Use>) {
        let mut start = new.start;
        let mut changed = CAPACITY;
        while start < new.end {
            // Before the place is looked for: what is dropped here shifts all that follows.
            self.make_room(2);
            let index = self.regions().partition_point(|region| region.end <= start);
            let there = self.regions().get(index).copied();
            let covered = there.filter(|region| region.start <= start);
            let end = match (covered, there) {
                (Some(old), _) => old.end.min(new.end),
                (None, Some(next)) => next.start.min(new.end),
                (None, None) => new.end,
            };
            let chosen = choose(covered.map(|region| region.purpose));
            if let Some(purpose) = chosen.filter(|_| chosen != covered.map(|old| old.purpose)) {
                let part = Region {
                    start,
                    end,
                    purpose,
                };
                match covered {
                    Some(_) => self.split(index, part),
                    None => self.insert(index, part),
                }
                changed = changed.min(index);
            }
            start = end;
        }
        self.merge(changed, new.end);
    }

    /// Cuts `part` out of the region at `index`, which holds it; there is room for two regions more.
    fn split(&mut self, index: usize, part: Region) {
        let old = self.regions[index];
        self.regions[index] = part;
        if part.end < old.end {
            let start = part.end;
            self.insert(index + 1, Region { start, ..old });
        }
        if old.start < part.start {
            let end = part.start;
            self.insert(index, Region { end, ..old });
        }
    }

    /// Inserts at `index`, where the order is kept; there is room.
    fn insert(&mut self, index: usize, region: Region) {
        self.regions.copy_within(index..self.count, index + 1);
        self.regions[index] = region;
        self.count += 1;
    }

    /// Drops regions until there is room for `wanted` more.
    ///
    /// What a map does not mention is not used by anybody: dropping is safe. Of what the firmware reported the smallest
    /// is missed least; what the loader took stays.
    fn make_room(&mut self, wanted: usize) {
        while CAPACITY - self.count < wanted {
            let reported = |&at: &usize| self.regions[at].purpose.is_reported();
            let size = |&at: &usize| self.regions[at].end - self.regions[at].start;
            let smallest = (0..self.count).filter(reported).min_by_key(size);
            let index = smallest.unwrap_or(0);
            self.regions.copy_within(index + 1..self.count, index);
            self.count -= 1;
        }
    }

    /// Joins neighbours of one use, of which the first may be that before `index` and the last begins at `end`: the
    /// others were joined before.
    fn merge(&mut self, index: usize, end: u64) {
        let mut index = index.max(1);
        while index < self.count && self.regions[index].start <= end {
            let (left, right) = (self.regions[index - 1], self.regions[index]);
            if left.end == right.start && left.purpose == right.purpose {
                self.regions[index - 1].end = right.end;
                self.regions.copy_within(index + 1..self.count, index);
                self.count -= 1;
            } else {
                index += 1;
            }
        }
    }

    /// Returns the lowest free address for `length` bytes, or the size of the largest free piece.
    fn find(&self, length: u64, placement: Placement) -> Result<u64, u64> {
        let mut largest = 0;
        for region in self
            .regions()
            .iter()
            .filter(|region| region.purpose == Use::Usable)
        {
            let (start, end) = (
                region.start.max(self.window.0),
                region.end.min(self.window.1),
            );
            let fits = |&address: &u64| address < end && length <= end - address;
            if let Some(address) = placement.first_from(start).filter(fits) {
                return Ok(address);
            }
            largest = largest.max(end.saturating_sub(start));
        }
        Err(largest)
    }

    /// Returns the address of `length` bytes (rounded up to whole frames) for `purpose`; they hold anything.
    pub fn allocate(
        &mut self,
        purpose: Use,
        length: u64,
        placement: Placement,
    ) -> Result<u64, Failure> {
        let kind = refusal(purpose);
        let whole = length
            .checked_next_multiple_of(PAGE)
            .ok_or(kind.with(length, 0))?;
        let address = self
            .find(whole, placement)
            .map_err(|largest| kind.with(length, largest))?;
        self.reserve(address, address + whole, purpose);
        Ok(address)
    }
}
