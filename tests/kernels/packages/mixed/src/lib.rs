//! Rust over C and assembly.
#![no_std]
#![cfg_attr(test, no_main)]
#![feature(custom_test_frameworks)]
#![test_runner(crate::runner)]
#![reexport_test_harness_main = "test_main"]

use core::fmt::Write;
use spin::Mutex;

include!(concat!(env!("OUT_DIR"), "/squares.rs"));

pub const LEVEL: &str = env!("MIXED_BUILT_AT");
pub const LOUD: bool = cfg!(loud);

mod native {
    extern "C" {
        pub fn checksum(bytes: *const u8, length: usize) -> u16;
        pub fn port_out8(port: u16, byte: u8);
        pub fn port_out32(port: u16, value: u32);
    }
}

pub fn checksum(bytes: &[u8]) -> u16 {
    // SAFETY: C reads that many bytes.
    unsafe { native::checksum(bytes.as_ptr(), bytes.len()) }
}

pub struct Serial;

pub static SERIAL: Mutex<Serial> = Mutex::new(Serial);

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            // SAFETY: COM1's data.
            unsafe { native::port_out8(0x3f8, byte) };
        }
        Ok(())
    }
}

#[macro_export]
macro_rules! serial {
    ($($word:tt)*) => {{
        use core::fmt::Write;
        write!($crate::SERIAL.lock(), $($word)*).unwrap()
    }};
}

pub fn exit(code: u32) -> ! {
    // SAFETY: isa-debug-exit.
    unsafe { native::port_out32(0xf4, code) };
    loop {
        core::hint::spin_loop();
    }
}

pub trait Case {
    fn check(&self);
}

impl<T: Fn()> Case for T {
    fn check(&self) {
        serial!("{}... ", core::any::type_name::<T>());
        self();
        serial!("[ok]\n");
    }
}

pub fn runner(cases: &[&dyn Case]) {
    cases.iter().for_each(|case| case.check());
    exit(0x10)
}

pub fn failed(info: &core::panic::PanicInfo) -> ! {
    serial!("[failed]\n{info}\n");
    exit(0x11)
}

#[cfg(test)]
mod start {
    #[no_mangle]
    extern "C" fn _start() -> ! {
        crate::test_main();
        crate::exit(0x11)
    }

    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo) -> ! {
        crate::failed(info)
    }

    #[test_case]
    fn c_sums_up() {
        assert_eq!(crate::checksum(&[]), 3);
        assert_eq!(crate::checksum(b"abcde"), 0xd7f3);
    }

    #[test_case]
    fn the_table_was_written() {
        assert_eq!(crate::SQUARES.last(), Some(&225));
    }
}
