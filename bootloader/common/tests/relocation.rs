//! Movable programs: what moves with them, which relocations are made, and which are refused.

mod support;

use common::elf::{Image, Segment};
use support::{Generator, Header, PT_LOAD, R, W, X, code, write_elf};

const TEXT: Header = Header {
    kind: PT_LOAD,
    flags: R | X,
    offset: 0x1000,
    address: 0x1000,
    file_size: 0x800,
    memory_size: 0x800,
};
const DYNAMIC: u32 = 2;
const RELRO: u32 = 0x6474_e552;

/// A position-independent program: text, and data of two pages with its dynamic section and `relocations` in it.
fn movable(relocations: &[(u64, u64, u64)]) -> Vec<u8> {
    let data = Header {
        flags: R | W,
        offset: 0x2000,
        address: 0x3000,
        file_size: 0x2000,
        memory_size: 0x3000,
        ..TEXT
    };
    let dynamic = Header {
        kind: DYNAMIC,
        file_size: 0x100,
        memory_size: 0x100,
        ..data
    };
    let relro = Header {
        kind: RELRO,
        file_size: 0x1000,
        memory_size: 0x1000,
        ..data
    };
    let mut file = write_elf(0x1010, &[TEXT, data, dynamic, relro], 0x4000, 0);
    file[16] = 3;
    let mut put = |at: usize, value: u64| file[at..at + 8].copy_from_slice(&value.to_le_bytes());
    let table = [
        (7, 0x3800),
        (8, relocations.len() as u64 * 24),
        (9, 24),
        (0, 0),
    ];
    for (index, (tag, value)) in table.into_iter().enumerate() {
        put(0x2000 + index * 16, tag);
        put(0x2008 + index * 16, value);
    }
    for (index, &(offset, kind, addend)) in relocations.iter().enumerate() {
        put(0x2800 + index * 24, offset);
        put(0x2808 + index * 24, kind);
        put(0x2810 + index * 24, addend);
    }
    file
}

#[test]
fn a_movable_program_is_moved_with_everything_in_it() {
    let file = movable(&[(0x3200, 8, 0x1010), (0x5ff8, 8, 0x3000)]);
    let image = Image::parse(&file).unwrap();
    assert_eq!(image.range(), (0x1000, 0x6000));
    let base = 0xffff_8000_0000_0000;
    let moved = image.moved_to(base + 0x1000).unwrap();
    assert_eq!(moved.entry, base + 0x1010);
    assert_eq!(moved.relro, Some((base + 0x3000, base + 0x4000)));
    assert_eq!(moved.slide, base);
    let relocation = moved.relocation(&file, 1).unwrap();
    assert_eq!(
        (relocation.address, relocation.value),
        (base + 0x5ff8, base + 0x3000)
    );
    assert_eq!(moved.relocation_count(), 2);
    // Addresses that no processor takes, or that go from one half into the other.
    for start in [0x7fff_ffff_d000, 0x8000_0000_0000, !0xfff] {
        assert_eq!(code(image.moved_to(start)), "EN", "{start:#x}");
    }
}

#[test]
fn what_only_a_dynamic_linker_could_do_is_refused() {
    let taken = |relocation| {
        let file = movable(&[relocation]);
        code(Image::parse(&file).unwrap().relocation(&file, 0))
    };
    assert_eq!(taken((0x3200, 8, 0)), "none");
    assert_eq!(taken((0x3200, 1, 0)), "EK");
    assert_eq!(taken((0x3200, 8 | 1 << 32, 0)), "EK");
    assert_eq!(taken((0x5ff9, 8, 0)), "ER");
    assert_eq!(taken((0x2ff8, 8, 0)), "ER");
    assert_eq!(taken((u64::MAX, 8, 0)), "ER");
    let changed = |at: usize, value: u64| {
        let mut file = movable(&[(0x3200, 8, 0)]);
        file[at..at + 8].copy_from_slice(&value.to_le_bytes());
        code(Image::parse(&file))
    };
    assert_eq!(changed(0x2008, 0x4ff0), "ER");
    assert_eq!(changed(0x2018, 25), "ER");
    assert_eq!(changed(0x2018, 0x3000), "ER");
    assert_eq!(changed(0x2028, 16), "ER");
    assert_eq!(changed(0x2020, 36), "EK");
}

#[test]
fn changed_tables_are_read_or_refused_but_never_panic() {
    let mut generator = Generator::new(47);
    let good = movable(&[(0x3200, 8, 0x1010), (0x3ffc, 8, 0x3000), (0x5ff8, 8, 0)]);
    let words = [0, 1, 8, 24, 0x3000, 0x3800, 0x6000, 1 << 47, u64::MAX - 7];
    let mut made = 0;
    for _ in 0..support::rounds(50_000) {
        let mut file = good.clone();
        for _ in 0..=generator.below(3) {
            // The headers, the dynamic section, or the relocations.
            let (start, count) = [(64, 28), (0x2000, 8), (0x2800, 9)][generator.below(3) as usize];
            let at = start + generator.below(count) as usize * 8;
            let word: &mut [u8; 8] = (&mut file[at..at + 8]).try_into().unwrap();
            let new = match generator.below(3) {
                0 => words[generator.below(9) as usize],
                1 => u64::from_le_bytes(*word) ^ 1 << generator.below(64),
                _ => generator.next() >> generator.below(64),
            };
            *word = new.to_le_bytes();
        }
        let start = [0x20_0000, 0xffff_ffff_8000_0000, generator.next() & !0xfff];
        let start = start[generator.below(3) as usize];
        support::timed(|| {
            let Ok(image) = Image::parse(&file).and_then(|image| image.moved_to(start)) else {
                return;
            };
            for index in 0..image.relocation_count() {
                let Ok(relocation) = image.relocation(&file, index) else {
                    break;
                };
                made += 1;
                let inside = |segment: &Segment| {
                    segment.address <= relocation.address && relocation.address + 8 <= segment.end()
                };
                assert!(image.segments().iter().any(inside), "{relocation:x?}");
            }
        });
    }
    assert!(made > 10_000, "only {made} relocations were made");
}
