//! x86-64 for every loader: page tables, which need no assembly, and the jump, which is nothing else.
#![no_std]

#[cfg(target_os = "none")]
pub mod jump;
pub mod page_table;
