//! x86-64 for every loader: page tables, which need no assembly, and what does: tables of the processor, the jump.
#![no_std]

#[cfg(target_os = "none")]
pub mod console;
#[cfg(target_os = "none")]
pub mod exceptions;
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
pub mod physical;
#[cfg(target_os = "none")]
pub mod port;
#[cfg(target_os = "none")]
pub mod processor;
#[cfg(target_os = "none")]
pub mod rsdp;
