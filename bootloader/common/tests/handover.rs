//! bootloader 0.9's handover: where things go, what collides, and BootInfo byte by byte.

mod support;

use common::elf::Elf;
use common::failure::Failure;
use common::handover::{self, Kept, Plan};
use common::kernel_file::Settings;
use common::memory_map::{MemoryMap, Region, Report, Use};
use support::{Header, PT_LOAD, R, W, X, code, write_elf};

const KEPT: [Kept; 2] = [
    Kept {
        start: 0x8000,
        end: 0x10000,
    },
    Kept {
        start: 0xA0000,
        end: 0xC0000,
    },
];
const SETTINGS: Settings = Settings {
    handover: 1,
    stack_size: 0x4000,
    stack_address: None,
    boot_info_address: None,
    physical_memory_offset: None,
};

/// A program whose text is at `address`, with a .bss of `size` bytes at `bss`.
fn program(address: u64, bss: u64, size: u64) -> Elf {
    let text = Header {
        kind: PT_LOAD,
        flags: R | X,
        offset: 0x1000,
        address,
        file_size: 0x1000,
        memory_size: 0x1000,
    };
    let data = Header {
        kind: PT_LOAD,
        flags: R | W,
        offset: 0,
        address: bss,
        file_size: 0,
        memory_size: size,
    };
    let tls = Header {
        kind: 7,
        flags: R,
        offset: 0x1000,
        address,
        file_size: 0x10,
        memory_size: 0x30,
    };
    Elf::parse(&write_elf(address, &[text, data, tls], 0x2000, 0)).unwrap()
}

fn plan(elf: &Elf, settings: Settings) -> Result<Plan, Failure> {
    handover::find(1).unwrap().plan(elf, &settings, &KEPT)
}

#[test]
fn boot_information_and_stack_take_the_first_free_top_level_entry() {
    let found = plan(&program(0x200000, 0x300000, 0x1000), SETTINGS).unwrap();
    let start = 1 << 39;
    let stack = (start + 0x2000, start + 0x6000);
    assert_eq!(
        found,
        Plan {
            boot_info: start,
            guard: start + 0x1000,
            stack
        }
    );
    let found = plan(&program(0x200000, 0x7f_ffff_f000, 0x80_0000_2000), SETTINGS).unwrap();
    assert_eq!(found.boot_info, 3 << 39);
    let taken = Settings {
        physical_memory_offset: Some(1 << 39),
        stack_address: Some(2 << 39),
        ..SETTINGS
    };
    assert_eq!(
        plan(&program(0x200000, 0x300000, 0x1000), taken)
            .unwrap()
            .boot_info,
        3 << 39
    );
}

#[test]
fn the_upper_half_is_used_with_canonical_addresses() {
    let found = plan(&program(0x200000, 1 << 39, (255 << 39) - 0x1000), SETTINGS).unwrap();
    assert_eq!(found.boot_info, 0xffff_8000_0000_0000);
}

#[test]
fn configured_addresses_are_taken_as_they_are() {
    let settings = Settings {
        boot_info_address: Some(0x4000_0000),
        ..SETTINGS
    };
    let found = plan(&program(0x200000, 0x300000, 0x1000), settings).unwrap();
    assert_eq!((found.boot_info, found.guard), (0x4000_0000, 0x4000_1000));
    let settings = Settings {
        stack_address: Some(0x5000_0000),
        ..settings
    };
    let found = plan(&program(0x200000, 0x300000, 0x1000), settings).unwrap();
    assert_eq!(
        (found.guard, found.stack),
        (0x5000_0000, (0x5000_1000, 0x5000_5000))
    );
}

#[test]
fn whatever_collides_is_refused() {
    let good = program(0x200000, 0x300000, 0x1000);
    for (start, size) in [
        (0x8000, 1),
        (0xf000, 0x1000),
        (0x7fff, 2),
        (0xbf000, 0x1000),
        (0x9ffff, 2),
        (1, 0xfffff),
    ] {
        assert_eq!(
            code(plan(&program(0x200000, start, size), SETTINGS)),
            "EW",
            "{start:#x} {size:#x}"
        );
    }
    for (start, size) in [(0x7000, 0x1000), (0x10000, 0x90000), (0xc0000, 0x1000)] {
        assert_eq!(
            code(plan(&program(0x200000, start, size), SETTINGS)),
            "none",
            "{start:#x} {size:#x}"
        );
    }
    let at = |boot_info, stack| Settings {
        boot_info_address: boot_info,
        stack_address: stack,
        ..SETTINGS
    };
    for settings in [
        at(Some(0x200000), None),
        at(Some(0x9000), None),
        at(None, Some(0x1fc000)),
        at(None, Some(0x300000)),
        at(Some(0x403000), Some(0x400000)),
        at(Some(0x400000), Some(0x400000)),
        at(None, Some(0x7fff_ffff_c000)),
        at(None, Some(0xffff_ffff_ffff_c000)),
    ] {
        assert_eq!(code(plan(&good, settings)), "EW", "{settings:?}");
    }
    // Equal to what is kept, range for range; and at the end of all addresses, where a page has no end.
    let same_size = |settings| Settings {
        stack_size: 0x7000,
        ..settings
    };
    assert_eq!(
        code(plan(&good, same_size(at(Some(0x600000), Some(0x8000))))),
        "EW"
    );
    for address in [0xffff_ffff_ffff_f000, 0x7fff_ffff_f000] {
        assert_eq!(code(plan(&good, at(Some(address), None))), "EW");
    }
    assert_eq!(code(handover::find(2).map(|_| ())), "KP");
}

fn number(page: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(page[offset..offset + 8].try_into().unwrap())
}

#[test]
fn boot_info_is_laid_out_as_upstream_does() {
    let uses = [
        (Use::FrameZero, 10),
        (Use::Usable, 0),
        (Use::Bootloader, 9),
        (Use::Reserved, 2),
        (Use::Kernel, 6),
        (Use::PageTable, 8),
        (Use::KernelStack, 7),
        (Use::BootInfo, 12),
        (Use::AcpiReclaimable, 3),
        (Use::AcpiNvs, 4),
        (Use::BadMemory, 5),
    ];
    let regions: Vec<Region> = (0u64..)
        .zip(uses)
        .map(|(index, (purpose, _))| Region {
            start: index * 0x2000,
            end: index * 0x2000 + 0x1000,
            purpose,
        })
        .collect();
    let mut page = vec![0xCC; 4096];
    handover::find(1).unwrap().write_boot_info(
        &mut page,
        &regions,
        &program(0x200000, 0x300000, 1),
    );
    for (index, (_, kind)) in uses.iter().enumerate() {
        let entry = &page[index * 24..];
        assert_eq!(
            (number(entry, 0), number(entry, 8)),
            (index as u64 * 2, index as u64 * 2 + 1)
        );
        assert_eq!(number(entry, 16), *kind);
    }
    for index in uses.len()..64 {
        assert_eq!(
            [0, 8, 16].map(|offset| number(&page, index * 24 + offset)),
            [0, 0, 11]
        );
    }
    assert_eq!(number(&page, 1536), uses.len() as u64);
    assert_eq!(
        [1544, 1552, 1560].map(|offset| number(&page, offset)),
        [0x200000, 0x10, 0x30]
    );
    assert!(page[1568..].iter().all(|&byte| byte == 0));
}

#[test]
fn of_too_many_regions_the_smallest_are_left_out() {
    let mut map = MemoryMap::new(0, u64::MAX);
    let reports: Vec<Report> = (0..100)
        .map(|index| Report {
            start: index << 20,
            length: (index % 10 + 1) << 12,
            purpose: Use::Usable,
        })
        .collect();
    map.take_reports(&reports);
    let mut page = vec![0; 4096];
    handover::find(1).unwrap().write_boot_info(
        &mut page,
        map.regions(),
        &program(0x200000, 0x300000, 1),
    );
    let count = number(&page, 1536) as usize;
    assert!((30..=64).contains(&count), "{count} entries");
    let starts: Vec<u64> = (0..count).map(|index| number(&page, index * 24)).collect();
    assert!(starts.is_sorted());
    assert!((0..count).all(|index| number(&page, index * 24 + 8) - starts[index] >= 4));
}
