//! The kernel on 64-bit RISC-V: it says "Hello World!" on the serial port, computes a number and leaves the machine.

#![no_std]
#![no_main]

mod board;
#[path = "../../boards/hello.rs"]
mod hello;
#[cfg(bootwright_test)]
#[path = "../../boards/testing.rs"]
mod testing;

/// Where the linker script leads to. It found its name in the ELF, so the name must not be mangled.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    board::enable_fpu();
    hello::run()
}

kernel_test! {
    fn the_fpu_multiplies() {
        assert_eq!(hello::product(1.5, 2.5), 3.75);
    }
}

kernel_test! {
    fn memory_that_was_not_written_is_zero() {
        static ROOM: [core::sync::atomic::AtomicU32; 64] = [const { core::sync::atomic::AtomicU32::new(0) }; 64];
        assert!(ROOM.iter().all(|word| word.load(core::sync::atomic::Ordering::Relaxed) == 0));
    }
}
