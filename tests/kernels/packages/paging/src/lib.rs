//! Frames from the memory map, the two ways to the page tables, and a runner of tests.
#![no_std]

pub mod frames;
pub mod testing;

use bootloader::BootInfo;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::{OffsetPageTable, PageTable, RecursivePageTable};
use x86_64::VirtAddr;

/// The page tables through the map of all of physical memory. To be called once.
pub fn by_offset(info: &BootInfo) -> OffsetPageTable<'static> {
    let offset = VirtAddr::new(info.physical_memory_offset);
    let top = offset + Cr3::read().0.start_address().as_u64();
    // SAFETY: the loader mapped all of memory there.
    unsafe { OffsetPageTable::new(&mut *top.as_mut_ptr::<PageTable>(), offset) }
}

/// The page tables through the entry that points to its own table. To be called once.
pub fn by_recursion(info: &BootInfo) -> RecursivePageTable<'static> {
    // SAFETY: the loader says that the top level shows there.
    let top = unsafe { &mut *(info.recursive_page_table_addr as *mut PageTable) };
    RecursivePageTable::new(top).expect("the address is a recursive one")
}
