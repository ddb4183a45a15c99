//! A kernel whose tasks are futures.
#![no_std]
#![cfg_attr(test, no_main)]
#![feature(custom_test_frameworks, abi_x86_interrupt)]
#![test_runner(crate::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

use alloc::alloc::{GlobalAlloc, Layout};
use linked_list_allocator::LockedHeap;
use x86_64::instructions::interrupts::without_interrupts;

pub mod interrupts;
pub mod serial;
pub mod task;
pub mod testing;

const HEAP_SIZE: usize = 100 * 1024;
static mut HEAP: [u8; HEAP_SIZE] = [0; HEAP_SIZE];

/// A handler of an interrupt frees memory too, with the waker that it took: none comes while the heap is locked.
struct Allocator(LockedHeap);

// SAFETY: the heap allocates.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        without_interrupts(|| unsafe { self.0.alloc(layout) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        without_interrupts(|| unsafe { self.0.dealloc(pointer, layout) })
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(LockedHeap::empty());

pub fn init() {
    serial::init();
    // SAFETY: nothing else names HEAP, and init is called once.
    unsafe { ALLOCATOR.0.lock().init((&raw mut HEAP).cast(), HEAP_SIZE) };
    interrupts::init();
}

#[cfg(test)]
bootloader::entry_point!(test_main_entry);

#[cfg(test)]
fn test_main_entry(_: &'static bootloader::BootInfo) -> ! {
    init();
    test_main();
    unreachable!("the runner leaves")
}

#[cfg(test)]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    testing::panicked(info)
}
