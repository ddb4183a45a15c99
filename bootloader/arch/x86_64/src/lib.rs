//! x86-64 for every loader: page tables and fonts, which need no assembly, and what does: tables of the processor, the
//! jump, the chips and the screen of a PC.
#![no_std]

#[cfg(target_os = "none")]
pub mod chips;
#[cfg(target_os = "none")]
pub mod console;
#[cfg(target_os = "none")]
pub mod dispi;
#[cfg(target_os = "none")]
pub mod exceptions;
pub mod font;
#[cfg(target_os = "none")]
pub mod gdt;
#[cfg(target_os = "none")]
pub mod handoff;
#[cfg(target_os = "none")]
pub mod jump;
#[cfg(target_os = "none")]
pub mod machine;
pub mod page_table;
#[cfg(target_os = "none")]
mod pci;
#[cfg(target_os = "none")]
pub mod physical;
#[cfg(target_os = "none")]
pub mod port;
#[cfg(any(target_os = "none", target_arch = "x86_64"))]
pub mod processor;
#[cfg(target_os = "none")]
pub mod rsdp;
#[cfg(target_os = "none")]
pub mod vga;
#[cfg(target_os = "none")]
mod vga_rom;
