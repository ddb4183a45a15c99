//! The kernel on 64-bit RISC-V: it says "Hello World!" on the serial port, computes a number and leaves the machine.

#![no_std]
#![no_main]

#[path = "../../boards/riscv.rs"]
mod board;
#[path = "../../boards/hello.rs"]
mod hello;
#[cfg(bootwright_test)]
#[path = "../../boards/testing.rs"]
mod testing;
