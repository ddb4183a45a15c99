//! An example that boots: holes in the heap.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    heap::memory::init();
    let mut parts: Vec<Vec<u8>> = (0..8).map(|_| Vec::with_capacity(1024)).collect();
    let mut turn = 0;
    parts.retain(|_| {
        turn += 1;
        turn % 2 == 0
    });
    heap::println!("{} parts", parts.len());
    heap::testing::exit(heap::testing::Verdict::Passed)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    heap::testing::panicked(info)
}
