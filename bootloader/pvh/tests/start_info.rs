//! What a PVH machine hands over: maps in any order, empty entries, rubbish where nothing is promised.

#[path = "../src/start_info.rs"]
mod start_info;

use common::failure::Kind;
use common::memory_map::{MemoryMap, Region, Use};
use start_info::{ENTRIES_MAX, Entry, Module, Saved, read};

const MAGIC: u32 = 0x336E_C578;

fn saved(entries: &[(u64, u64, u32)]) -> Saved {
    let mut saved = Saved::NOTHING;
    (saved.start_info.magic, saved.start_info.version) = (MAGIC, 1);
    saved.start_info.map_count = entries.len() as u32;
    saved.start_info.module_count = 1;
    for (entry, &(start, length, kind)) in saved.entries.iter_mut().zip(entries) {
        *entry = Entry {
            start,
            length,
            kind,
            reserved: 0xDEAD_BEEF,
        };
    }
    saved.module = Module {
        start: 0x700_0000,
        length: 5000,
        command_line: 0,
        reserved: !0,
    };
    saved
}

fn map() -> MemoryMap {
    MemoryMap::new(layout::MEMORY_FLOOR, layout::MEMORY_CEILING)
}

#[test]
fn the_map_comes_out_sorted() {
    let machine = [
        (0x10_0000, 0x7F0_0000, 1),
        (0xF_0000, 0x1_0000, 2),
        (0, 0x9_FC00, 1),
        (0xD_0000, 0x2_0000, 4),
        (0, 0, 0),
    ];
    let mut map = map();
    let module = read(&saved(&machine), &mut map).unwrap();
    assert_eq!((module.start, module.length), (0x700_0000, 5000));
    let expected = [
        (0, 0x9_F000, Use::Usable),
        (0xD_0000, 0xF_0000, Use::AcpiNvs),
        (0xF_0000, 0x10_0000, Use::Reserved),
        (0x10_0000, 0x800_0000, Use::Usable),
    ];
    let expected = expected.map(|(start, end, purpose)| Region {
        start,
        end,
        purpose,
    });
    assert_eq!(map.regions(), expected);
}

#[test]
fn a_count_that_is_larger_than_what_was_saved_is_cut() {
    let mut saved = saved(&[(0x10_0000, 0x100_0000, 1)]);
    saved.start_info.map_count = u32::MAX;
    let mut map = map();
    read(&saved, &mut map).unwrap();
    assert_eq!(map.regions().len(), 1);
    assert_eq!(saved.entries.len(), ENTRIES_MAX);
}

#[test]
fn what_is_no_start_info_is_refused() {
    for (magic, version) in [(MAGIC ^ 1, 1), (MAGIC, 0)] {
        let mut saved = saved(&[]);
        (saved.start_info.magic, saved.start_info.version) = (magic, version);
        let failure = read(&saved, &mut map()).err().unwrap();
        assert_eq!(
            failure,
            Kind::PvhStartInfo.with(magic.into(), version.into())
        );
    }
}

#[test]
fn a_machine_without_a_module_is_refused() {
    let mut saved = saved(&[(0x10_0000, 0x100_0000, 1)]);
    saved.start_info.module_count = 0;
    let failure = read(&saved, &mut map()).err().unwrap();
    assert_eq!(failure.kind, Kind::PvhNoModule);
}
