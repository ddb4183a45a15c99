//! Frames that the memory map calls usable, one after another.
use bootloader::bootinfo::{MemoryMap, MemoryRegionType};
use x86_64::structures::paging::{FrameAllocator, PhysFrame, Size4KiB};
use x86_64::PhysAddr;

pub struct Frames {
    map: &'static MemoryMap,
    next: usize,
}

impl Frames {
    pub fn new(map: &'static MemoryMap) -> Self {
        Frames { map, next: 0 }
    }

    /// How many were given out, the first ones of the usable.
    pub fn taken(&self) -> usize {
        self.next
    }

    pub fn usable(&self) -> impl Iterator<Item = PhysFrame> {
        let regions = self
            .map
            .iter()
            .filter(|r| r.region_type == MemoryRegionType::Usable);
        regions
            .flat_map(|r| (r.range.start_addr()..r.range.end_addr()).step_by(4096))
            .map(|address| PhysFrame::containing_address(PhysAddr::new(address)))
    }
}

unsafe impl FrameAllocator<Size4KiB> for Frames {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        self.next += 1;
        self.usable().nth(self.next - 1)
    }
}
