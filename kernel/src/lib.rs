//! What the kernel is made of: text screen, serial port, panic report, and tests that run in the machine.

#![no_std]

pub mod clock;
pub mod cpu;
pub mod exit;
pub mod panic;
pub mod port;
pub mod serial;
pub mod spin;
pub mod test_case;
pub mod testing;
pub mod vga;
