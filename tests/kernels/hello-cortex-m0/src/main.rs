//! The kernel on a Cortex-M0: it says "Hello World!" on the serial port, computes a number and leaves the machine.

#![no_std]
#![no_main]

mod board;
#[path = "../../boards/hello.rs"]
mod hello;
#[cfg(bootwright_test)]
#[path = "../../boards/testing.rs"]
mod testing;
