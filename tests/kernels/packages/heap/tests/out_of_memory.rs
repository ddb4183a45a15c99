//! A heap that is full is told by the handler for it.
#![no_std]
#![no_main]
#![feature(alloc_error_handler)]

extern crate alloc;

use core::alloc::Layout;
use heap::testing::{Verdict, exit, panicked};

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    heap::print!("out_of_memory::too_large_a_vector... ");
    heap::memory::init();
    let vector = core::hint::black_box(alloc::vec![1_u8; heap::memory::SIZE + 1]);
    heap::println!("[failed] {} bytes are there", vector.len());
    exit(Verdict::Failed)
}

#[alloc_error_handler]
fn out_of_memory(layout: Layout) -> ! {
    assert_eq!(layout.size(), heap::memory::SIZE + 1);
    heap::println!("[ok]");
    exit(Verdict::Passed)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    panicked(info)
}
