//! Memory as the loader sees it: every address up to 4 GiB is mapped to itself, as far as there is memory.

use core::arch::asm;

use common::memory::Memory;

const PRESENT_WRITABLE: u64 = 0b11;
const LARGE: u64 = 1 << 7;
const TABLE: u64 = 0x1000;

/// Physical memory through the loader's own page tables.
pub struct Physical;

impl Memory for Physical {
    fn bytes(&mut self, address: u64, length: u64) -> &mut [u8] {
        // SAFETY: the map, which gave the address, gives each frame once and only below what map_up_to mapped.
        unsafe { slice_mut(address, length) }
    }
}

/// The bytes at an address, to write.
///
/// # Safety
/// They are mapped, and nobody else has them.
pub unsafe fn slice_mut<'a>(address: u64, length: u64) -> &'a mut [u8] {
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts_mut(address as *mut u8, length as usize) }
}

/// The value at an address that firmware or device may change.
///
/// # Safety
/// The address is mapped and aligned, and reading has no effect there.
pub unsafe fn read<T: Copy>(address: u64) -> T {
    // SAFETY: the caller's promise.
    unsafe { (address as *const T).read_volatile() }
}

/// The value of two bytes at an address, of any alignment, that firmware may change.
///
/// # Safety
/// The address is mapped, and reading has no effect there.
pub unsafe fn read_unaligned(address: u64) -> u16 {
    // SAFETY: the caller's promise.
    unsafe { u16::from_le_bytes([read(address), read(address + 1)]) }
}

/// Maps memory up to `end` (at most 4 GiB) to itself, in large pages; the first 2 MiB are mapped already.
///
/// Of those, the page below the loader's stack is taken out: a stack that is too deep ends there, in nobody's data.
pub fn map_up_to(end: u64) {
    let pages = end.div_ceil(layout::LARGE_PAGE_SIZE) as usize;
    let first_p2 = layout::LOADER_TABLES_ADDRESS + 2 * TABLE;
    let gibs = pages.div_ceil(512) as u64;
    let p1_address = first_p2 + 4 * TABLE;
    // SAFETY: layout.py keeps seven pages for the tables: one, one, four that cover a GiB each, and one of small pages.
    let (p3, p2, p1) = unsafe {
        (
            slice_mut(layout::LOADER_TABLES_ADDRESS + TABLE, 32),
            slice_mut(first_p2, gibs.max(1) * TABLE),
            slice_mut(p1_address, TABLE),
        )
    };
    for (gib, entry) in p3
        .chunks_exact_mut(8)
        .enumerate()
        .take(gibs as usize)
        .skip(1)
    {
        entry.copy_from_slice(&((first_p2 + gib as u64 * TABLE) | PRESENT_WRITABLE).to_le_bytes());
    }
    let mut page = 0;
    for entry in p2.chunks_exact_mut(8).take(pages) {
        entry.copy_from_slice(&(page | LARGE | PRESENT_WRITABLE).to_le_bytes());
        page += layout::LARGE_PAGE_SIZE;
    }
    p2[pages.max(1) * 8..].fill(0);
    let mut page = 0;
    for entry in p1.chunks_exact_mut(8) {
        let flags = if page == layout::LOADER_GUARD_ADDRESS {
            0
        } else {
            PRESENT_WRITABLE
        };
        entry.copy_from_slice(&(page | flags).to_le_bytes());
        page += layout::PAGE_SIZE;
    }
    p2[..8].copy_from_slice(&(p1_address | PRESENT_WRITABLE).to_le_bytes());
    // SAFETY: the same tables again; every page that was mapped, but for the guard, still is.
    unsafe { asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack, preserves_flags)) }
}
