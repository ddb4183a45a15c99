//! Whole kernels put into page tables in fake memory, and every page of them looked at again.

mod machine;
#[path = "../../../common/tests/support/mod.rs"]
mod support;

use arch_x86_64::page_table::{LARGE_PAGE, PageTable};
use common::boot::Entry;
use common::kernel_file::Settings;
use common::memory::{Access, AddressSpace, FrameAllocator, Memory, Placement, Run};
use common::memory_map::{Report, Use};
use machine::{BASE, Machine, PAGE, check, prepare, prepare_with, walk};
use support::{FakePlatform, Generator, Header, PT_LOAD, R, W, X, code, write_elf};

fn boot_and_check(headers: &[Header], length: usize, seed: u64) -> Machine {
    let mut file = Generator::new(seed).bytes(length);
    let head = write_elf(headers[0].address, headers, 0, 0);
    file[..head.len()].copy_from_slice(&head);
    let mut machine = prepare(&file, 16 << 20, 0x3000).unwrap();
    check(&mut machine, &file, 0x3000);
    machine
}

const TEXT: Header = Header {
    kind: PT_LOAD,
    flags: R | X,
    offset: 0x1000,
    address: 0x201000,
    file_size: 0x1234,
    memory_size: 0x1234,
};

#[test]
fn text_stays_in_place_and_data_with_bss_is_copied() {
    let data = Header {
        flags: R | W,
        offset: 0x2234,
        address: 0x203234,
        file_size: 0x1800,
        memory_size: 0x4000,
        ..TEXT
    };
    let mut machine = boot_and_check(&[TEXT, data], 0x4000, 1);
    let (first, _) = walk(&mut machine.memory, machine.root, 0x201000).unwrap();
    let (second, _) = walk(&mut machine.memory, machine.root, 0x202000).unwrap();
    assert_eq!(
        second,
        first + PAGE,
        "whole pages of the file are mapped where they were read"
    );
}

#[test]
fn two_segments_may_share_a_page() {
    let data = Header {
        flags: R | W,
        offset: 0x2234,
        address: 0x202234,
        file_size: 0x10,
        memory_size: 0x20,
        ..TEXT
    };
    let more = Header {
        flags: R,
        offset: 0x2300,
        address: 0x202300,
        file_size: 0x1000,
        memory_size: 0x3000,
        ..TEXT
    };
    boot_and_check(&[TEXT, data, more], 0x4000, 2);
}

#[test]
fn two_segments_may_come_from_the_same_bytes() {
    let twice = Header {
        flags: R | W,
        address: 0x301000,
        ..TEXT
    };
    let whole = Header {
        flags: R | W,
        file_size: 0x1000,
        memory_size: 0x1000,
        address: 0x401000,
        ..TEXT
    };
    boot_and_check(&[TEXT, twice, whole], 0x4000, 3);
}

#[test]
fn a_long_segment_gets_large_pages_in_place() {
    let data = Header {
        flags: R | W,
        offset: 0x3000,
        address: 0x703000,
        file_size: 5 << 20,
        memory_size: 5 << 20,
        ..TEXT
    };
    let mut machine = boot_and_check(&[TEXT, data], (5 << 20) + 0x4000, 4);
    let tables: u64 = machine
        .map
        .regions()
        .iter()
        .filter(|region| region.purpose == Use::PageTable)
        .map(|region| (region.end - region.start) / PAGE)
        .sum();
    // One top level; for the kernel, a third and a second level and the first levels of three 2 MiB pieces and of the
    // identity mapping; for stack and boot information, three. Small pages alone would take two more.
    assert!(tables <= 10, "{tables} tables");
    let (frame, _) = walk(&mut machine.memory, machine.root, 0x800000).unwrap();
    assert_eq!(frame % LARGE_PAGE, 0);
}

#[test]
fn a_long_bss_gets_large_pages_and_its_last_page_may_be_shared() {
    let bss = Header {
        flags: R | W,
        offset: 0,
        address: 0x400000,
        file_size: 0,
        memory_size: 0x5ff800,
        ..TEXT
    };
    let next = Header {
        flags: R,
        offset: 0x1800,
        address: 0x9ff800,
        file_size: 0x900,
        memory_size: 0x900,
        ..TEXT
    };
    boot_and_check(&[TEXT, bss, next], 0x4000, 5);
}

#[test]
fn random_kernels_are_mapped_byte_for_byte() {
    let mut generator = Generator::new(23);
    for round in 0..support::rounds(400) {
        let mut headers = Vec::new();
        let mut address =
            [0x20_0000, 0xffff_ffff_8000_0000, 0x7f_ffff_e000][generator.below(3) as usize];
        let length = 0x8000u64;
        for index in 0..=generator.below(6) {
            address += generator.below(0x1800);
            let file_size = generator.below(0x2800);
            let bss = if generator.below(2) == 0 {
                0
            } else {
                generator.below(0x2800)
            };
            // Any page of the file whose bytes are congruent with the address.
            let pages = (length - file_size - PAGE) / PAGE;
            let offset = generator.below(pages) * PAGE + address % PAGE;
            let flags = if index == 0 {
                R | X
            } else {
                R | generator.below(4) as u32
            };
            let memory_size = (file_size + bss).max(1);
            headers.push(Header {
                kind: PT_LOAD,
                flags,
                offset,
                address,
                file_size,
                memory_size,
            });
            address += memory_size;
        }
        boot_and_check(&headers, length as usize, round);
    }
}

#[test]
fn a_kernel_bigger_than_memory_is_refused_with_both_numbers() {
    let bss = Header {
        flags: R | W,
        offset: 0,
        address: 0x400000,
        file_size: 0,
        memory_size: 64 << 20,
        ..TEXT
    };
    let file = write_elf(TEXT.address, &[TEXT, bss], 0x4000, 0);
    let refusal = prepare(&file, 16 << 20, 0x3000).map(|_| ());
    assert_eq!(refusal.unwrap_err().numbers[0], 64 << 20);
    assert_eq!(code(refusal), "KB");
    let file = write_elf(TEXT.address, &[TEXT], 17 << 20, 0);
    assert_eq!(code(prepare(&file, 16 << 20, 0x3000).map(|_| ())), "KB");
    let file = write_elf(TEXT.address, &[TEXT], 0x4000, 0);
    assert_eq!(code(prepare(&file, 16 << 20, 32 << 20).map(|_| ())), "MF");
}

#[test]
fn random_headers_are_refused_or_loaded_but_never_panic() {
    let mut generator = Generator::new(29);
    let data = Header {
        flags: R | W,
        offset: 0x2234,
        address: 0x203234,
        file_size: 0x800,
        memory_size: 0x4000,
        ..TEXT
    };
    let good = write_elf(TEXT.address, &[TEXT, data], 0x4000, 0x5A);
    let mut loaded = 0;
    for _ in 0..support::rounds(3000) {
        let mut file = good.clone();
        for _ in 0..=generator.below(2) {
            let at = 64 + generator.below(112) as usize;
            file[at] ^= 1 << generator.below(8);
        }
        if let Ok(mut machine) = support::timed(|| prepare(&file, 1 << 20, 0x3000)) {
            loaded += 1;
            check(&mut machine, &file, 0x3000);
        }
    }
    assert!(loaded > 100, "only {loaded} files were loaded");
}

#[test]
fn mapping_a_page_twice_is_an_error() {
    let mut platform = FakePlatform::new(BASE, 1 << 20);
    platform.map.take_reports(&[Report {
        start: BASE,
        length: 1 << 20,
        purpose: Use::Usable,
    }]);
    let mut space = PageTable::new(&mut platform).unwrap();
    let run = Run {
        address: 0x1000,
        frame: 0x5000,
        length: PAGE,
        large: true,
    };
    assert_eq!(code(space.map(&mut platform, run, Access::READ)), "none");
    assert_eq!(code(space.map(&mut platform, run, Access::READ)), "IE");
    assert_eq!(
        space.find(&mut platform, 0x1000),
        Some((0x5000, Access::READ))
    );
    assert_eq!(space.find(&mut platform, 0x2000), None);
    assert_eq!(
        code(platform.allocate(Use::Kernel, 2 << 20, Placement::ANY)),
        "KB"
    );
}

#[test]
fn the_recursive_entry_and_all_of_memory_are_where_upstream_has_them() {
    let file = write_elf(TEXT.address, &[TEXT], 0x4000, 0);
    let settings = Settings {
        features: layout::FEATURE_RECURSIVE_PAGE_TABLE | layout::FEATURE_MAP_PHYSICAL_MEMORY,
        ..Settings::new(1)
    };
    let mut machine = prepare_with(&file, 16 << 20, settings).unwrap();
    let Entry::Call64 { argument, .. } = machine.entry else {
        panic!("a kernel of 0.9 is called");
    };
    assert_eq!(argument, 2 << 39);
    // By the recursive entry, which is the first, the top level shows at an address of four equal indices.
    let recursive = 0x80_4020_1000;
    let root = machine.root;
    let found = walk(&mut machine.memory, root, recursive);
    assert_eq!(found, Some((root, Access::ALL)));
    let physical = 3 << 39;
    for frame in [0, 0x1000, BASE + 0x5000, BASE + (16 << 20)] {
        let found = walk(&mut machine.memory, root, physical + frame);
        assert_eq!(found, Some((frame, Access::ALL)), "{frame:#x}");
    }
    assert_eq!(walk(&mut machine.memory, root, physical + (18 << 20)), None);
    let (frame, _) = walk(&mut machine.memory, root, argument).unwrap();
    let page = machine.memory.bytes(frame, PAGE).to_vec();
    let field = |at: usize| u64::from_le_bytes(page[at..at + 8].try_into().unwrap());
    assert_eq!((field(1544), field(1552)), (recursive, physical));
}

/// In .data, over the end of a page, and in .bss.
const RELOCATIONS: [(u64, u64); 3] = [(0x4800, 0x1234), (0x4ffc, 0x4000), (0x6100, 0x5000)];

/// A position-independent program with a dynamic section, RELRO and relocations.
fn movable() -> Vec<u8> {
    let text = Header {
        address: 0x1000,
        ..TEXT
    };
    let data = Header {
        flags: R | W,
        offset: 0x3000,
        address: 0x4000,
        file_size: 0x2000,
        memory_size: 0x3000,
        ..TEXT
    };
    let with_kind = |kind, size| Header {
        kind,
        file_size: size,
        memory_size: size,
        ..data
    };
    let headers = [
        text,
        data,
        with_kind(2, 0x40),
        with_kind(0x6474_e552, 0x1000),
    ];
    let mut file = write_elf(0x1010, &headers, 0x5000, 0x77);
    file[16] = 3;
    let mut put = |at: usize, value: u64| file[at..at + 8].copy_from_slice(&value.to_le_bytes());
    for (index, (tag, value)) in [
        (7, 0x4100),
        (8, RELOCATIONS.len() as u64 * 24),
        (9, 24),
        (0, 0),
    ]
    .into_iter()
    .enumerate()
    {
        put(0x3000 + index * 16, tag);
        put(0x3008 + index * 16, value);
    }
    for (index, (at, addend)) in RELOCATIONS.into_iter().enumerate() {
        put(0x3100 + index * 24, at);
        put(0x3108 + index * 24, 8);
        put(0x3110 + index * 24, addend);
    }
    file
}

#[test]
fn a_movable_kernel_is_relocated_and_its_relro_is_read_only() {
    let mut machine = prepare_with(&movable(), 4 << 20, Settings::new(1)).unwrap();
    let slide = 0x20_0000 - 0x1000;
    for (at, addend) in RELOCATIONS {
        let mut found = [0; 8];
        for (index, byte) in found.iter_mut().enumerate() {
            let address = at + slide + index as u64;
            let (frame, _) = walk(&mut machine.memory, machine.root, address).unwrap();
            *byte = machine.memory.bytes(frame + address % PAGE, 1)[0];
        }
        assert_eq!(u64::from_le_bytes(found), addend + slide, "{at:#x}");
    }
    let mut access = |at: u64| {
        walk(&mut machine.memory, machine.root, at + slide)
            .unwrap()
            .1
    };
    assert_eq!(access(0x4000), Access::READ, "RELRO");
    assert_eq!(access(0x5000), Access::WRITE);
    assert_eq!(access(0x1000), Access::EXECUTE);
    let Entry::Call64 { address, .. } = machine.entry else {
        panic!("a kernel of 0.9 is called");
    };
    assert_eq!(address, 0x1010 + slide);
}

#[test]
fn random_movable_files_are_refused_or_loaded_but_never_panic() {
    let mut generator = Generator::new(43);
    let good = movable();
    let mut loaded = 0;
    for round in 0..support::rounds(1000) {
        let mut file = good.clone();
        for _ in 0..=generator.below(3) {
            // The headers, the dynamic section, or the relocations.
            let (start, length) =
                [(64, 224), (0x3000, 0x40), (0x3100, 72)][generator.below(3) as usize];
            file[start + generator.below(length) as usize] ^= 1 << generator.below(8);
        }
        let settings = Settings {
            stack_size: 0x3000,
            ..Settings::new(1 + (round % 2) as u32)
        };
        let prepared = support::timed(|| prepare_with(&file, 1 << 20, settings));
        loaded += u32::from(prepared.is_ok());
    }
    assert!(loaded > 100, "only {loaded} files were loaded");
}
