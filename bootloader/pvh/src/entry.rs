//! The door from the machine: where it enters, and what is saved of its tables.

use core::arch::global_asm;
use core::mem::{offset_of, size_of};

use arch_x86_64::gdt;
use common::failure::{Kind, LINE_ROOM};

use crate::start_info::{Entry, Module, Saved, StartInfo};

const XEN_ELFNOTE_PHYS32_ENTRY: u32 = 18;

#[unsafe(link_section = ".pvh_saved")]
static mut SAVED: Saved = Saved::NOTHING;

static NO_LONG_MODE: [u8; LINE_ROOM] = Kind::NoLongMode.line();

/// What the machine handed over; nothing may have been allocated yet, since it lies in free memory.
pub fn saved() -> &'static Saved {
    let saved = &raw const SAVED;
    // SAFETY: entry.s alone writes it, and that is over.
    unsafe { &*saved }
}

global_asm!(
    include_str!("../../arch/x86_64/src/long_mode.s"),
    include_str!("entry.s"),
    XEN_ELFNOTE_PHYS32_ENTRY = const XEN_ELFNOTE_PHYS32_ENTRY,
    SAVED = sym SAVED,
    START_INFO = const offset_of!(Saved, start_info),
    START_INFO_SIZE = const size_of::<StartInfo>(),
    MODULES = const offset_of!(StartInfo, modules),
    MAP = const offset_of!(StartInfo, map),
    MAP_COUNT = const offset_of!(StartInfo, map_count),
    MODULE = const offset_of!(Saved, module),
    MODULE_SIZE = const size_of::<Module>(),
    ENTRIES = const offset_of!(Saved, entries),
    ENTRY_SIZE = const size_of::<Entry>(),
    CAPACITY = const crate::start_info::ENTRIES_MAX,
    LOADER_TABLES_ADDRESS = const layout::LOADER_TABLES_ADDRESS,
    LOADER_STACK_END = const layout::LOADER_STACK_END,
    DEBUG_CONSOLE_PORT = const layout::DEBUG_CONSOLE_PORT,
    SERIAL_PORT = const layout::SERIAL_PORT,
    CODE_64 = const gdt::CODE_64,
    DATA_64 = const gdt::DATA_64,
    TASK = const gdt::TASK,
    NO_LONG_MODE = sym NO_LONG_MODE,
);
