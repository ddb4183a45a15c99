//! The global descriptor table: one for every loader, so that kernels find the same.

use core::arch::global_asm;

// Selectors of the table in gdt.s.
pub const CODE_64: u16 = 0x08;
pub const DATA_64: u16 = 0x10;
pub const CODE_16: u16 = 0x18;
pub const DATA_16: u16 = 0x20;
pub const TASK: u16 = 0x28;
pub const CODE_32: u16 = 0x38;

global_asm!(include_str!("gdt.s"));
