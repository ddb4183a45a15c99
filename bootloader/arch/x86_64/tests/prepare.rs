//! Whole kernels put into page tables in fake memory, and every page of them looked at again.

mod machine;
#[path = "../../../common/tests/support/mod.rs"]
mod support;

use arch_x86_64::page_table::{LARGE_PAGE, PageTable};
use common::memory::{Access, AddressSpace, FrameAllocator, Placement, Run};
use common::memory_map::{MemoryMap, Report, Use};
use machine::{BASE, Machine, PAGE, check, prepare, walk};
use support::{FakeMemory, Generator, Header, PT_LOAD, R, W, X, code, write_elf};

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
    for round in 0..400 {
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
    for _ in 0..3000 {
        let mut file = good.clone();
        for _ in 0..=generator.below(2) {
            let at = 64 + generator.below(112) as usize;
            file[at] ^= 1 << generator.below(8);
        }
        if let Ok(mut machine) = prepare(&file, 1 << 20, 0x3000) {
            loaded += 1;
            check(&mut machine, &file, 0x3000);
        }
    }
    assert!(loaded > 100, "only {loaded} files were loaded");
}

#[test]
fn mapping_a_page_twice_is_an_error() {
    let mut memory = FakeMemory::new(BASE, 1 << 20);
    let mut map = MemoryMap::new(BASE, BASE + (1 << 20));
    map.take_reports(&[Report {
        start: BASE,
        length: 1 << 20,
        purpose: Use::Usable,
    }]);
    let mut space = PageTable::new(&mut memory, &mut map).unwrap();
    let run = Run {
        address: 0x1000,
        frame: 0x5000,
        length: PAGE,
    };
    assert_eq!(
        code(space.map(&mut memory, &mut map, run, Access::READ)),
        "none"
    );
    assert_eq!(
        code(space.map(&mut memory, &mut map, run, Access::READ)),
        "IE"
    );
    assert_eq!(
        space.find(&mut memory, 0x1000),
        Some((0x5000, Access::READ))
    );
    assert_eq!(space.find(&mut memory, 0x2000), None);
    assert_eq!(
        code(map.allocate(Use::Kernel, 2 << 20, Placement::ANY)),
        "KB"
    );
}
