//! An allocation that fails.

#![no_std]
#![no_main]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};

include!("frame.inc");

struct Nothing;

// SAFETY: it gives no memory.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Nothing = Nothing;

#[inline(never)]
fn cause() {
    core::hint::black_box(alloc::vec![1_u8; 4096]); // FAULT
}
