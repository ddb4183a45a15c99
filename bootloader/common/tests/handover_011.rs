//! bootloader_api 0.11's handover: where mappings go, what is refused, and BootInfo byte by byte.

mod support;

use common::boot::Entry;
use common::file::Placed;
use common::kernel_file::Settings;
use common::memory_map::{Region, Use};
use common::platform::{FrameBuffer, PixelFormat};
use support::plans::{number, plan_all, program};
use support::{Generator, code};

const SCREEN: FrameBuffer = FrameBuffer {
    address: 0xFD00_0000,
    length: 1280 * 720 * 3,
    width: 1280,
    height: 720,
    stride: 1280,
    bytes_per_pixel: 3,
    format: PixelFormat::Bgr,
};
const RAMDISK: Placed = Placed {
    address: 0x40_0000,
    length: 5000,
};

#[test]
fn dynamic_mappings_of_011_go_in_upstreams_order() {
    let settings = Settings {
        features: layout::FEATURE_MAP_PHYSICAL_MEMORY | layout::FEATURE_RECURSIVE_PAGE_TABLE,
        stack_size: 80 * 1024,
        api_version: 0x0011_000B_0000,
        ..Settings::new(2)
    };
    let image = program(0x200000, 0x300000, 0x1000);
    let (plan, _, ready) = plan_all(&image, settings, Some(SCREEN), Some(RAMDISK)).unwrap();
    let addresses: Vec<u64> = plan.mappings()[1..]
        .iter()
        .map(|mapping| mapping.address >> 39)
        .collect();
    // Stack, frame buffer, ramdisk, physical memory; entry 5 is the recursive one; boot information last.
    assert_eq!(addresses, [1, 2, 3, 4, 6]);
    assert_eq!(
        ready.entry(0),
        Entry::Jump64 {
            address: 0x200000,
            stack_end: (1 << 39) + 0x1000 + 80 * 1024,
            argument: 6 << 39
        }
    );
    let mut pages = vec![0xCC; ready.boot_info_length() as usize];
    let regions = [
        (0, 0x9_F000, Use::Usable, 0_u64, 0_u64),
        (0x9_F000, 0x10_0000, Use::Reserved, 3, 2),
        (0x10_0000, 0x20_0000, Use::Kernel, 1, 0),
        (0x20_0000, 0x80_0000, Use::Usable, 0, 0),
    ];
    let given = regions.map(|(start, end, purpose, ..)| Region {
        start,
        end,
        purpose,
    });
    ready.write(&mut pages, &given);
    let at = |offset| number(&pages, offset);
    assert_eq!(
        (at(0), at(8), at(16)),
        (0x0011_000B_0000, (6 << 39) + 232, 4)
    );
    assert_eq!((at(24) as u32, at(32)), (0, 2 << 39));
    assert_eq!(
        [40, 48, 56, 64, 72, 80].map(at),
        [1280 * 720 * 3, 1280, 720, 1, 3, 1280]
    );
    assert_eq!((at(88) as u32, at(96)), (0, 4 << 39));
    assert_eq!((pages[104], pages[108]), (0, 5), "the recursive index");
    assert_eq!((at(112) as u32, at(120)), (0, 0xF_5A10));
    assert_eq!([128, 136, 144, 152].map(at), [0, 0x200000, 0x10, 0x30]);
    assert_eq!((at(160) as u32, at(168), at(176)), (0, 3 << 39, 5000));
    assert_eq!((at(184), at(192), at(200)), (0x20_0000, 0x2000, 0));
    assert_eq!(
        (at(208), at(216), at(224)),
        ((1 << 39) + 0x1000, 80 * 1024, 0)
    );
    for (index, (start, end, _, kind, payload)) in regions.into_iter().enumerate() {
        let entry = 232 + index * 24;
        assert_eq!((at(entry), at(entry + 8)), (start, end));
        assert_eq!(at(entry + 16), kind | payload << 32, "{start:#x}");
    }
}

#[test]
fn what_011_does_not_have_is_told_as_none() {
    let image = program(0x200000, 0x300000, 0x1000);
    let (_, _, ready) = plan_all(&image, Settings::new(2), None, None).unwrap();
    let mut pages = vec![0xCC; ready.boot_info_length() as usize];
    ready.write(&mut pages, &[]);
    for tag in [24, 88, 104, 160] {
        assert_eq!(number(&pages, tag) as u32, 1, "{tag}");
    }
    assert_eq!(number(&pages, 176), 0);
}

#[test]
fn the_frame_buffer_may_be_at_the_end_of_all_addresses() {
    let image = program(0x200000, 0x300000, 0x1000);
    let settings = Settings {
        framebuffer_address: Some(0xffff_ffff_f000_0000),
        ..Settings::new(2)
    };
    let screen = FrameBuffer {
        address: SCREEN.address + 0x800,
        ..SCREEN
    };
    let (_, _, ready) = plan_all(&image, settings, Some(screen), None).unwrap();
    let mut pages = vec![0; ready.boot_info_length() as usize];
    ready.write(&mut pages, &[]);
    assert_eq!(number(&pages, 32), 0xffff_ffff_f000_0800);
}

#[test]
fn fixed_mappings_of_011_are_kept_and_wrong_ones_refused() {
    let image = program(0x200000, 0x300000, 0x1000);
    let good = Settings {
        features: layout::FEATURE_MAP_PHYSICAL_MEMORY | layout::FEATURE_RECURSIVE_PAGE_TABLE,
        stack_size: 10_000,
        stack_address: Some(0x1_0000_0000),
        boot_info_address: Some(0x2_0000_0008),
        framebuffer_address: Some(0xffff_a000_0000_0000),
        ramdisk_address: Some(0xffff_b000_0000_0000),
        physical_memory_offset: Some(0xffff_9000_0000_0000),
        recursive_address: Some(0xffff_c000_0000_0000),
        ..Settings::new(2)
    };
    let refused = |settings| code(plan_all(&image, settings, Some(SCREEN), Some(RAMDISK)));
    assert_eq!(refused(good), "none");
    let (plan, _, ready) = plan_all(&image, good, Some(SCREEN), Some(RAMDISK)).unwrap();
    let addresses: Vec<u64> = plan.mappings()[1..]
        .iter()
        .map(|mapping| mapping.address)
        .collect();
    let expected = [
        0x1_0000_1000,
        0xffff_a000_0000_0000,
        0xffff_b000_0000_0000,
        0xffff_9000_0000_0000,
        0x2_0000_0000,
    ];
    assert_eq!(addresses, expected);
    assert_eq!(
        ready.entry(0),
        Entry::Jump64 {
            address: 0x200000,
            // The stack's size as it is asked for, and then down to whole sixteens.
            stack_end: (0x1_0000_1000 + 10_000) & !15,
            argument: 0x2_0000_0008
        }
    );
    let aligned = |offset: u64| Settings {
        physical_memory_offset: Some(0xffff_9000_0000_0000 + offset),
        ..good
    };
    assert_eq!(refused(aligned(0x1000)), "KL");
    let recursive = |address| Settings {
        recursive_address: Some(address),
        ..good
    };
    assert_eq!(refused(recursive(0xffff_c000_0000_1000)), "KL");
    assert_eq!(refused(recursive(0xffff_b000_0000_0000)), "EW");
    let ramdisk = |address| Settings {
        ramdisk_address: Some(address),
        ..good
    };
    assert_eq!(refused(ramdisk(0xffff_9000_0000_0000)), "EW");
    assert_eq!(refused(ramdisk(0x200000)), "EW");
    let base = Settings {
        kernel_base: Some(0x40_0000),
        ..good
    };
    assert_eq!(refused(base), "KA", "a static kernel cannot be moved");
}

#[test]
fn addresses_that_the_loader_chooses_keep_to_the_range_and_differ_with_a_seed() {
    let image = program(0x200000, 0x300000, 0x1000);
    let settings = Settings {
        dynamic_range: (Some(0xffff_8000_0000_0000), Some(0xffff_9fff_ffff_ffff)),
        ..Settings::new(2)
    };
    let (plan, _, _) = plan_all(&image, settings, Some(SCREEN), None).unwrap();
    let addresses: Vec<u64> = plan.mappings()[1..]
        .iter()
        .map(|mapping| mapping.address)
        .collect();
    let first = 0xffff_8000_0000_0000;
    assert_eq!(
        addresses,
        [first + 0x1000, first + (1 << 39), first + (2 << 39)]
    );
    let random = Settings {
        features: layout::FEATURE_ASLR,
        ..settings
    };
    let (plan, _, _) = plan_all(&image, random, Some(SCREEN), None).unwrap();
    for (mapping, plain) in plan.mappings()[1..].iter().zip(addresses) {
        assert_ne!(mapping.address, plain);
        assert!((first..first + (64 << 39)).contains(&mapping.address));
    }
    let narrow = Settings {
        dynamic_range: (Some(first), Some(first)),
        ..settings
    };
    assert_eq!(code(plan_all(&image, narrow, Some(SCREEN), None)), "KS");
}

/// No address, one anywhere, or one where a top-level entry begins; canonical, as the kernel file's reader has seen to.
fn some_address(generator: &mut Generator) -> Option<u64> {
    let bits = [32, 47, 64][generator.below(3) as usize];
    let anywhere = generator.next() >> (64 - bits) & !0xfff;
    let entry = generator.below(512) << 39;
    let canonical = |address: u64| ((address << 16) as i64 >> 16) as u64;
    [None, Some(canonical(anywhere)), Some(canonical(entry))][generator.below(3) as usize]
}

#[test]
fn no_settings_make_a_plan_panic_or_lie_in_one_place() {
    let image = program(0x200000, 0x300000, 0x1000);
    let mut generator = Generator::new(41);
    let mut planned = 0;
    for round in 0..support::rounds(40_000) {
        let mut settings = Settings {
            stack_address: some_address(&mut generator),
            boot_info_address: some_address(&mut generator),
            framebuffer_address: some_address(&mut generator),
            physical_memory_offset: some_address(&mut generator),
            recursive_address: some_address(&mut generator),
            ramdisk_address: some_address(&mut generator),
            kernel_base: some_address(&mut generator).filter(|_| round % 8 == 0),
            dynamic_range: (some_address(&mut generator), some_address(&mut generator)),
            ..Settings::new(1 + (round % 2) as u32)
        };
        let bits = generator.below(46);
        settings.stack_size = 1 + generator.below(1 << bits);
        settings.features = generator.below(layout::FEATURES_ALL + 1);
        let planned_so = || plan_all(&image, settings, Some(SCREEN), Some(RAMDISK));
        let Ok((plan, _, ready)) = support::timed(planned_so) else {
            continue;
        };
        planned += 1;
        let mut ranges: Vec<(u64, u64)> = plan
            .mappings()
            .iter()
            .map(|mapping| {
                let guard = if mapping.guard { 0x1000 } else { 0 };
                (mapping.address - guard, mapping.address + mapping.length)
            })
            .collect();
        ranges.sort_unstable();
        assert!(
            ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0),
            "{settings:?}"
        );
        let mut pages = vec![0; ready.boot_info_length() as usize];
        ready.write(&mut pages, &[]);
    }
    assert!(planned > 500, "only {planned} were planned");
}
