//! Prints what the build script found, and what C makes of it.
#![no_std]
#![no_main]

use mixed::{checksum, serial, LEVEL, LOUD, SQUARES};

#[no_mangle]
extern "C" fn _start() -> ! {
    let sum: u32 = SQUARES.iter().sum();
    serial!(
        "level {LEVEL}, loud {LOUD}, squares {sum}, checksum {:#06x}\n",
        checksum(b"mixed")
    );
    loop {
        // SAFETY: stops the processor.
        unsafe { core::arch::asm!("cli; hlt") };
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    mixed::failed(info)
}
