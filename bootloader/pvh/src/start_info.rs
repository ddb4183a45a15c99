//! The start info of a PVH machine: memory map and first module (Xen, public/arch-x86/hvm/start_info.h).

use common::failure::{Failure, Kind};
use common::memory_map::MemoryMap;
use common::region::{Report, Use};

const MAGIC: u32 = 0x336E_C578;

/// The most lines of a memory map that are read.
pub const ENTRIES_MAX: usize = 128;

/// The structure that ebx points to, from version 1 on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StartInfo {
    pub magic: u32,
    pub version: u32,
    pub flags: u32,
    pub module_count: u32,
    pub modules: u64,
    pub command_line: u64,
    pub rsdp: u64,
    pub map: u64,
    pub map_count: u32,
    pub reserved: u32,
}

/// A file in memory. What follows the length is not read: qboot leaves rubbish in it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Module {
    pub start: u64,
    pub length: u64,
    pub command_line: u64,
    pub reserved: u64,
}

/// A line of the memory map; kinds are those of E820.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Entry {
    pub start: u64,
    pub length: u64,
    pub kind: u32,
    pub reserved: u32,
}

/// Copies of all of it, as entry.s makes them.
#[repr(C)]
#[derive(Clone)]
pub struct Saved {
    pub start_info: StartInfo,
    pub module: Module,
    pub entries: [Entry; ENTRIES_MAX],
}

impl Saved {
    pub const NOTHING: Saved = Saved {
        start_info: StartInfo {
            magic: 0,
            version: 0,
            flags: 0,
            module_count: 0,
            modules: 0,
            command_line: 0,
            rsdp: 0,
            map: 0,
            map_count: 0,
            reserved: 0,
        },
        module: Module {
            start: 0,
            length: 0,
            command_line: 0,
            reserved: 0,
        },
        entries: [Entry {
            start: 0,
            length: 0,
            kind: 0,
            reserved: 0,
        }; ENTRIES_MAX],
    };
}

/// Fills the map, and returns the first module.
///
/// The module's memory stays usable in the map: it is free once the kernel is read.
pub fn read(saved: &Saved, map: &mut MemoryMap) -> Result<Module, Failure> {
    let info = &saved.start_info;
    if info.magic != MAGIC || info.version == 0 {
        return Err(Kind::PvhStartInfo.with(info.magic.into(), info.version.into()));
    }
    let nothing = Report {
        start: 0,
        length: 0,
        purpose: Use::Reserved,
    };
    let mut reports = [nothing; ENTRIES_MAX];
    let count = saved.entries.len().min(info.map_count as usize);
    for (report, entry) in reports.iter_mut().zip(&saved.entries[..count]) {
        *report = Report {
            start: entry.start,
            length: entry.length,
            purpose: Use::from_e820(entry.kind),
        };
    }
    map.take_reports(&reports[..count]);
    if info.module_count == 0 {
        return Err(Kind::PvhNoModule.alone());
    }
    Ok(saved.module)
}
