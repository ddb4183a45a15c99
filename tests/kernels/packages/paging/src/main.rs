//! Translates the addresses that the book translates.
#![no_std]
#![no_main]

use bootloader::{entry_point, BootInfo};
use paging::{println, testing};
use x86_64::structures::paging::Translate;
use x86_64::VirtAddr;

entry_point!(main);

fn main(info: &'static BootInfo) -> ! {
    let tables = paging::by_offset(info);
    let addresses = [
        0xb8000,                     // the text screen, mapped to itself
        main as *const () as u64,    // code
        0x0100_0020_1a10,            // the stack
        info.physical_memory_offset, // frame 0
    ];
    for address in addresses.map(VirtAddr::new) {
        println!("{address:?} -> {:?}", tables.translate_addr(address));
    }
    testing::halt()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    testing::panicked(info)
}
