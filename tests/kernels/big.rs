//! The example kernel with a file of data in it; the build gives the file's path, and the kernel its sum.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

static DATA: &[u8] = include_bytes!(env!("BIG_DATA"));

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    let sum = core::hint::black_box(DATA).iter().fold(0_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add((*byte).into())
    });
    hello::serial_println!("{} bytes, sum {sum:#018x}", DATA.len());
    hello::cpu::halt()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hello::panic::report(info)
}
