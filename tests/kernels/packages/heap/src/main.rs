//! Prints what a heap is good for.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::{string::String, vec::Vec};
use heap::{memory, println};

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    memory::init();
    let squares: Vec<u64> = (1..=10).map(|n| n * n).collect();
    let mut text = String::new();
    for square in &squares {
        text += &alloc::format!("{square} ");
    }
    println!("{}of {} KiB", text, memory::SIZE >> 10);
    match memory::allocations() {
        Some(count) => println!("{}", if count > 10 { "counted" } else { "few" }),
        None => println!("not counted"),
    }
    loop {
        // SAFETY: interrupts are off: the processor stops.
        unsafe { core::arch::asm!("cli", "hlt") };
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    println!("{info}");
    loop {}
}
