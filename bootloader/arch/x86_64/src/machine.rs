//! A PC's memory below 4 GiB while a loader runs that lies where the BIOS's stage does: its map, and who gets what.

use core::ops::Range;

use common::failure::Failure;
use common::memory::{Access, FrameAllocator, Memory, PAGE, Placement};
use common::memory_map::MemoryMap;
use common::plan::Mapping;
use common::region::Use;

use crate::physical;

/// The jump with the GDT and what runs if the kernel returns; kernels that need no more get no more.
pub const JUMP: [Mapping; 1] = [Mapping::identity(
    layout::STAGE_LOAD_ADDRESS,
    layout::STAGE_LOW_END,
    Access::EXECUTE,
)];

/// What a kernel of bootloader 0.9 finds mapped to itself, with upstream's rights: the page tables that it reaches
/// through CR3, the loader, where other processors' first code is put, and the screen.
pub const LOW: [Mapping; 2] = [
    Mapping::identity(layout::KEPT_START, layout::KEPT_END, Access::ALL),
    Mapping::identity(layout::VGA_START, layout::VGA_END, Access::WRITE),
];

/// The map, which is the allocator, and the frames in low memory for a kernel's first page tables.
pub struct Machine {
    pub map: MemoryMap,
    low_tables: Range<u64>,
}

impl Machine {
    /// A machine whose map is not read yet.
    pub const fn new() -> Machine {
        Machine {
            map: MemoryMap::new(layout::MEMORY_FLOOR, layout::MEMORY_CEILING),
            low_tables: layout::KERNEL_TABLES_ADDRESS..layout::KERNEL_TABLES_END,
        }
    }

    /// Takes out of the map what no kernel may use: frame zero, the tables, and the loader; `low_end` is where the
    /// firmware's data begin, of which maps do not always know.
    pub fn take_low_memory(&mut self, low_end: u64) {
        let takes = [
            (0, layout::PAGE_SIZE, Use::FrameZero),
            (
                layout::KERNEL_TABLES_ADDRESS,
                layout::KERNEL_TABLES_END,
                Use::PageTable,
            ),
            (
                layout::KERNEL_TABLES_END,
                layout::STAGE_END,
                Use::Bootloader,
            ),
            (low_end.min(layout::VGA_START), layout::MIB, Use::Reserved),
        ];
        for (start, end, purpose) in takes {
            self.map.reserve(start, end, purpose);
        }
    }
}

impl Default for Machine {
    fn default() -> Machine {
        Machine::new()
    }
}

impl Memory for Machine {
    fn bytes(&mut self, address: u64, length: u64) -> &mut [u8] {
        // SAFETY: the map, which gave the address, gives each frame once and only below what map_up_to mapped.
        unsafe { physical::slice_mut(address, length) }
    }
}

impl FrameAllocator for Machine {
    fn allocate(
        &mut self,
        purpose: Use,
        length: u64,
        placement: Placement,
    ) -> Result<u64, Failure> {
        let is_low = purpose == Use::PageTable && length == PAGE && !self.low_tables.is_empty();
        if is_low {
            let frame = self.low_tables.start;
            self.low_tables.start += PAGE;
            return Ok(frame);
        }
        self.map.allocate(purpose, length, placement)
    }
}
