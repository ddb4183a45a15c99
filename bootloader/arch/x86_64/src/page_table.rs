//! Page tables of four levels (AMD64 Architecture Programmer's Manual, volume 2, chapter 5.3).

use common::bytes::u64_at;
use common::failure::{Failure, Kind};
use common::memory::{Access, AddressSpace, FrameAllocator, Memory, PAGE, Placement, Run};
use common::region::Use;

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const FRAME: u64 = 0x000f_ffff_ffff_f000;
const ENTRIES: u64 = 512;

/// What a page of level 2 covers.
pub const LARGE_PAGE: u64 = PAGE * ENTRIES;

/// A tree of page tables; `root` is the frame of the top level.
pub struct PageTable {
    pub root: u64,
}

impl PageTable {
    /// Makes an empty tree.
    pub fn new<F: FrameAllocator>(frames: &mut F) -> Result<PageTable, Failure> {
        Ok(PageTable {
            root: new_table(frames)?,
        })
    }

    /// Returns the table of `level` (1 is the lowest) that holds the entry of `address`, made where it is missing.
    fn table<F: FrameAllocator>(
        &self,
        frames: &mut F,
        address: u64,
        level: u32,
    ) -> Result<u64, Failure> {
        let mut table = self.root;
        for above in (level + 1..=4).rev() {
            let at = slot(table, address, above);
            let entry = read(frames, at);
            table = if entry & PRESENT == 0 {
                let new = new_table(frames)?;
                // Rights are those of the lowest level; the levels above allow everything.
                write(frames, at, new | PRESENT | WRITABLE);
                new
            } else if entry & LARGE != 0 {
                return Err(Kind::Panic.with(line!().into(), 0));
            } else {
                entry & FRAME
            };
        }
        Ok(table)
    }
}

impl AddressSpace for PageTable {
    fn map<F: FrameAllocator>(
        &mut self,
        frames: &mut F,
        run: Run,
        access: Access,
    ) -> Result<(), Failure> {
        let mut rest = run;
        while rest.length > 0 {
            let large = rest.large && (rest.address | rest.frame) & (LARGE_PAGE - 1) == 0;
            let large = large && rest.length >= LARGE_PAGE;
            let (level, size) = if large { (2, LARGE_PAGE) } else { (1, PAGE) };
            let table = self.table(frames, rest.address, level)?;
            let first = index(rest.address, level);
            let to_next_large = (LARGE_PAGE - rest.address % LARGE_PAGE) / PAGE;
            let count = if large {
                ENTRIES - first
            } else {
                to_next_large
            }
            .min(rest.length / size);
            let flags = flags(access) | if large { LARGE } else { 0 };
            let entries = frames.bytes(table + first * 8, count * 8);
            let mut new = rest.frame | flags;
            for entry in entries.chunks_exact_mut(8) {
                if u64_at(entry, 0) != Some(0) {
                    return Err(Kind::Panic.with(line!().into(), 0));
                }
                entry.copy_from_slice(&new.to_le_bytes());
                new += size;
            }
            rest = Run {
                address: rest.address.wrapping_add(count * size),
                frame: rest.frame + count * size,
                length: rest.length - count * size,
                ..rest
            };
        }
        Ok(())
    }

    fn find<M: Memory>(&self, memory: &mut M, address: u64) -> Option<(u64, Access)> {
        let slot = self.find_slot(memory, address)?;
        let entry = read(memory, slot);
        let access = Access {
            write: entry & WRITABLE != 0,
            execute: entry & NO_EXECUTE == 0,
        };
        (entry & PRESENT != 0).then_some((entry & FRAME, access))
    }

    fn change<M: Memory>(&mut self, memory: &mut M, address: u64, frame: u64, access: Access) {
        if let Some(slot) = self.find_slot(memory, address) {
            write(memory, slot, frame | flags(access));
        }
    }

    fn map_recursively<M: Memory>(
        &mut self,
        memory: &mut M,
        address: u64,
        access: Access,
    ) -> Result<(), Failure> {
        let at = slot(self.root, address, 4);
        if read(memory, at) != 0 {
            return Err(Kind::Panic.with(line!().into(), 0));
        }
        write(memory, at, self.root | flags(access));
        Ok(())
    }
}

impl PageTable {
    /// The physical address of the lowest entry for `address`, if its table is there.
    fn find_slot<M: Memory>(&self, memory: &mut M, address: u64) -> Option<u64> {
        let table = [4, 3, 2].into_iter().try_fold(self.root, |table, level| {
            let entry = read(memory, slot(table, address, level));
            (entry & PRESENT != 0 && entry & LARGE == 0).then_some(entry & FRAME)
        });
        Some(slot(table?, address, 1))
    }
}

fn flags(access: Access) -> u64 {
    let write = if access.write { WRITABLE } else { 0 };
    let execute = if access.execute { 0 } else { NO_EXECUTE };
    PRESENT | write | execute
}

fn index(address: u64, level: u32) -> u64 {
    address >> (12 + 9 * (level - 1)) & (ENTRIES - 1)
}

fn slot(table: u64, address: u64, level: u32) -> u64 {
    table + index(address, level) * 8
}

fn read<M: Memory>(memory: &mut M, at: u64) -> u64 {
    u64_at(memory.bytes(at, 8), 0).unwrap_or(0)
}

fn write<M: Memory>(memory: &mut M, at: u64, entry: u64) {
    memory.bytes(at, 8).copy_from_slice(&entry.to_le_bytes());
}

fn new_table<F: FrameAllocator>(frames: &mut F) -> Result<u64, Failure> {
    let frame = frames.allocate(Use::PageTable, PAGE, Placement::ANY)?;
    frames.bytes(frame, PAGE).fill(0);
    Ok(frame)
}
