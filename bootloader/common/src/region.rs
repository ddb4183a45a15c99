//! What memory is for: the words of the map, of what firmware reports and of what a loader takes.

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
    Ramdisk,
}

impl Use {
    /// What E820 and the tables that copied its numbers mean by a kind.
    pub fn from_e820(kind: u32) -> Use {
        match kind {
            1 => Use::Usable,
            3 => Use::AcpiReclaimable,
            4 => Use::AcpiNvs,
            5 => Use::BadMemory,
            // 2 is reserved, and so is what nobody told us about.
            _ => Use::Reserved,
        }
    }

    /// True for what firmware reports, false for what a loader takes.
    pub fn is_reported(self) -> bool {
        self < Use::FrameZero
    }
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
