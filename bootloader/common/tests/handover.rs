//! bootloader 0.9's handover: where things go, what collides, and BootInfo byte by byte.

mod support;

use common::boot::Entry;
use common::elf::Image;
use common::failure::Failure;
use common::handover::Protocol;
use common::kernel_file::Settings;
use common::memory_map::{MemoryMap, Region, Report, Use};
use common::plan::{Frames, Mapping, Plan};
use common::platform::Screen;
use support::code;
use support::plans::{number, plan_all, program};

const SETTINGS: Settings = Settings {
    stack_size: 0x4000,
    ..Settings::new(1)
};

/// Where boot information is, the guard page, and the stack's end.
fn plan(image: &Image, settings: Settings) -> Result<(u64, u64, u64), Failure> {
    let (plan, _, ready) = plan_all(image, settings, None, None)?;
    let stack = find(&plan, Use::KernelStack);
    assert!(stack.guard);
    let (Entry::Call64 {
        argument,
        stack_end,
        ..
    }
    | Entry::Jump64 {
        argument,
        stack_end,
        ..
    }) = ready.entry(0);
    Ok((argument, stack.address - 0x1000, stack_end))
}

fn find(plan: &Plan, purpose: Use) -> Mapping {
    let mut mappings = plan.mappings().iter();
    let found = mappings.find(|mapping| mapping.frames == Frames::New(purpose));
    *found.unwrap()
}

#[test]
fn boot_information_and_stack_are_where_upstream_has_them() {
    let found = plan(&program(0x200000, 0x300000, 0x1000), SETTINGS).unwrap();
    let start = 0x100_0000_0000;
    assert_eq!(found, (start, start + 0x1000, start + 0x6000));
    let found = plan(&program(0x200000, 0x7f_ffff_f000, 0x80_0000_2000), SETTINGS).unwrap();
    assert_eq!(found.0, 4 << 39);
    let taken = Settings {
        physical_memory_offset: Some(1 << 39),
        stack_address: Some(2 << 39),
        ..SETTINGS
    };
    let found = plan(&program(0x200000, 0x300000, 0x1000), taken).unwrap();
    assert_eq!(found.0, 4 << 39);
}

#[test]
fn the_upper_half_is_used_with_canonical_addresses() {
    let image = program(0x200000, 1 << 39, (255 << 39) - 0x1000);
    assert_eq!(plan(&image, SETTINGS).unwrap().0, 0xffff_8080_0000_0000);
}

#[test]
fn configured_addresses_are_taken_as_they_are() {
    let settings = Settings {
        boot_info_address: Some(0x4000_0000),
        ..SETTINGS
    };
    let found = plan(&program(0x200000, 0x300000, 0x1000), settings).unwrap();
    assert_eq!((found.0, found.1), (0x4000_0000, 0x4000_1000));
    let settings = Settings {
        stack_address: Some(0x5000_0000),
        ..settings
    };
    let found = plan(&program(0x200000, 0x300000, 0x1000), settings).unwrap();
    assert_eq!(found, (0x4000_0000, 0x5000_0000, 0x5000_5000));
}

#[test]
fn no_entry_that_the_package_names_is_chosen_for_something_else() {
    let image = program(0x200000, 0x300000, 0x1000);
    let wanted = Settings {
        features: layout::FEATURE_MAP_PHYSICAL_MEMORY | layout::FEATURE_RECURSIVE_PAGE_TABLE,
        ..SETTINGS
    };
    let boot_info = |address| Settings {
        boot_info_address: Some(address),
        ..wanted
    };
    for settings in [
        boot_info(1 << 39),
        boot_info(2 << 39),
        // What follows it lies in the next entry: the stack.
        boot_info((2 << 39) - 0x1000),
        boot_info((3 << 39) - 0x5000),
        Settings {
            stack_address: Some((2 << 39) - 0x1000),
            ..wanted
        },
        // 128 MiB of memory, half of them in the next entry.
        Settings {
            physical_memory_offset: Some((2 << 39) - 0x400_0000),
            ..wanted
        },
        Settings {
            physical_memory_offset: Some((3 << 39) - 0x400_0000),
            ..wanted
        },
    ] {
        let found = plan(&image, settings);
        assert_eq!(code(found), "none", "{settings:x?}");
    }
}

#[test]
fn whatever_collides_is_refused() {
    let good = program(0x200000, 0x300000, 0x1000);
    for (start, size) in [
        (0x8000, 1),
        (0x14000, 0x1000),
        (0xfff, 2),
        (0xbf000, 0x1000),
        (0x9ffff, 2),
        (1, 0xfffff),
    ] {
        let found = code(plan(&program(0x200000, start, size), SETTINGS));
        assert_eq!(found, "EW", "{start:#x} {size:#x}");
    }
    for (start, size) in [(0x0, 0x1000), (0x15000, 0x8b000), (0xc0000, 0x1000)] {
        let found = code(plan(&program(0x200000, start, size), SETTINGS));
        assert_eq!(found, "none", "{start:#x} {size:#x}");
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
        at(Some(0xffff_ffff_ffff_f000), None),
        at(Some(0x7fff_ffff_f000), None),
        at(Some(0xffff_ffff_ffff_e000), None),
    ] {
        assert_eq!(code(plan(&good, settings)), "EW", "{settings:?}");
    }
    // A stack with exactly the range of what is kept: equal ranges collide as well.
    let equal = Settings {
        stack_size: 0x13000,
        ..at(Some(0x600000), Some(0x1000))
    };
    assert_eq!(code(plan(&good, equal)), "EW");
    assert_eq!(code(Protocol::find(7).map(|_| ())), "KP");
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
    let image = program(0x200000, 0x300000, 1);
    let (_, _, ready) = plan_all(&image, SETTINGS, None, None).unwrap();
    ready.write(&mut page, &regions);
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
    let image = program(0x200000, 0x300000, 1);
    let (_, _, ready) = plan_all(&image, SETTINGS, None, None).unwrap();
    ready.write(&mut page, map.regions());
    let count = number(&page, 1536) as usize;
    assert!((30..=64).contains(&count), "{count} entries");
    let starts: Vec<u64> = (0..count).map(|index| number(&page, index * 24)).collect();
    assert!(starts.is_sorted());
    assert!((0..count).all(|index| number(&page, index * 24 + 8) - starts[index] >= 4));
}

#[test]
fn fields_of_features_stand_before_the_others_and_only_if_they_are_asked_for() {
    let image = program(0x200000, 0x300000, 1);
    let tls = [0x200000, 0x10, 0x30];
    let physical = 3 << 39;
    let recursive = 0x80_4020_1000;
    let (map, recursion) = (
        layout::FEATURE_MAP_PHYSICAL_MEMORY,
        layout::FEATURE_RECURSIVE_PAGE_TABLE,
    );
    for (features, fields) in [
        (0, vec![]),
        (map, vec![physical]),
        (recursion, vec![recursive]),
        (map | recursion, vec![recursive, physical]),
    ] {
        let settings = Settings {
            features,
            ..SETTINGS
        };
        let (_, _, ready) = plan_all(&image, settings, None, None).unwrap();
        let mut page = vec![0xCC; 4096];
        ready.write(&mut page, &[]);
        let expected: Vec<u64> = fields.into_iter().chain(tls).chain([0]).collect();
        let found: Vec<u64> = (0..expected.len())
            .map(|index| number(&page, 1544 + index * 8))
            .collect();
        assert_eq!(found, expected, "{features:#x}");
    }
    let screen = |features| {
        let settings = Settings {
            features,
            ..SETTINGS
        };
        Protocol::Bootloader09.screen(&settings)
    };
    assert_eq!(screen(0), Screen::Text);
    assert_eq!(screen(layout::FEATURE_VGA_320X200), Screen::Mode13h);
}
