//! The memory map: what the firmware reported, put in order, and what the loader took from it since.
//!
//! The map is the allocator too, so that what the kernel is told cannot differ from what was taken.

use crate::failure::{Failure, Kind};
use crate::memory::{FrameAllocator, PAGE, Placement, page_of};

/// What a region is for; of two reports for one frame the later of this order, the worse, counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    Usable,
    AcpiReclaimable,
    AcpiNvs,
    Reserved,
    BadMemory,
    // What the loader takes; the firmware reports none of these.
    FrameZero,
    Bootloader,
    Kernel,
    KernelStack,
    PageTable,
    BootInfo,
}

/// Whole frames from `start` up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub start: u64,
    pub end: u64,
    pub purpose: Use,
}

/// Bytes that the firmware speaks of.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    pub start: u64,
    pub length: u64,
    pub purpose: Use,
}

/// The most regions that a map holds; firmware that reports more loses its smallest ones.
pub const CAPACITY: usize = 128;

const NOTHING: Region = Region {
    start: 0,
    end: 0,
    purpose: Use::Reserved,
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

    /// The regions, sorted.
    pub fn regions(&self) -> &[Region] {
        &self.regions[..self.count]
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
        // A frame that is usable in part is not usable, and the last frame of all addresses is given up.
        let end = start.saturating_add(length).min(page_of(u64::MAX));
        let (start, end) = match purpose {
            Use::Usable => (start.min(end).next_multiple_of(PAGE), page_of(end)),
            _ => (page_of(start), end.next_multiple_of(PAGE)),
        };
        self.overlay(
            Region {
                start,
                end,
                purpose,
            },
            |old, new| old.max(new),
        );
    }

    /// Marks the frames from `start` up to `end` as taken for `purpose`, as far as they are usable.
    pub fn reserve(&mut self, start: u64, end: u64, purpose: Use) {
        for index in (0..self.count).rev() {
            let old = self.regions[index];
            let (start, end) = (start.max(old.start), end.min(old.end));
            if old.purpose == Use::Usable && start < end {
                self.overlay(
                    Region {
                        start,
                        end,
                        purpose,
                    },
                    |_, new| new,
                );
            }
        }
    }

    /// Puts `new` over what is there; where there is something, `choose(old, new)` says which use remains.
    fn overlay(&mut self, new: Region, choose: impl Fn(Use, Use) -> Use) {
        let mut rest = new;
        let mut index = 0;
        while rest.start < rest.end {
            let old = if index < self.count {
                self.regions[index]
            } else {
                Region {
                    start: !0,
                    end: !0,
                    ..rest
                }
            };
            if old.end <= rest.start {
                index += 1;
            } else if old.start > rest.start {
                // A gap: as much of the new region as comes before the old one.
                let end = rest.end.min(old.start);
                index = self.insert(index, Region { end, ..rest });
                rest.start = end;
            } else {
                let end = old.end.min(rest.end);
                let purpose = choose(old.purpose, rest.purpose);
                if purpose != old.purpose {
                    index = self.split(
                        index,
                        Region {
                            start: rest.start,
                            end,
                            purpose,
                        },
                    );
                }
                rest.start = end;
            }
        }
        self.merge();
    }

    /// Cuts `part` out of the region at `index`, which holds it, and returns `part`'s index.
    fn split(&mut self, index: usize, part: Region) -> usize {
        let old = self.regions[index];
        self.regions[index] = part;
        if part.end < old.end {
            self.insert(
                index + 1,
                Region {
                    start: part.end,
                    ..old
                },
            );
        }
        if old.start < part.start {
            return self.insert(
                index,
                Region {
                    end: part.start,
                    ..old
                },
            ) + 1;
        }
        index
    }

    /// Inserts at `index`, where the order is kept, and returns the index at which to go on.
    fn insert(&mut self, index: usize, region: Region) -> usize {
        if self.count == CAPACITY {
            // What a map does not mention is not used by anybody: dropping is safe, and the smallest is missed least.
            let smallest = (0..CAPACITY)
                .min_by_key(|&at| self.regions[at].end - self.regions[at].start)
                .unwrap_or(0);
            self.remove(smallest);
            return self.insert(if smallest < index { index - 1 } else { index }, region);
        }
        self.regions.copy_within(index..self.count, index + 1);
        self.regions[index] = region;
        self.count += 1;
        index
    }

    fn remove(&mut self, index: usize) {
        self.regions.copy_within(index + 1..self.count, index);
        self.count -= 1;
    }

    /// Joins neighbours of one use.
    fn merge(&mut self) {
        let mut index = 1;
        while index < self.count {
            let (left, right) = (self.regions[index - 1], self.regions[index]);
            if left.end == right.start && left.purpose == right.purpose {
                self.regions[index - 1].end = right.end;
                self.remove(index);
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
}

impl FrameAllocator for MemoryMap {
    fn allocate(
        &mut self,
        purpose: Use,
        length: u64,
        placement: Placement,
    ) -> Result<u64, Failure> {
        let kind = if purpose == Use::Kernel {
            Kind::KernelTooBig
        } else {
            Kind::OutOfMemory
        };
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
