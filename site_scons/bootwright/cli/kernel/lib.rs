//! What the kernel and its tests share: the machine, printing, and tests that run in it.

#![no_std]

pub mod board;
pub mod print;
pub mod testing;
