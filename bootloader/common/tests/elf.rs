//! The ELF reader: what it takes, each thing that it refuses, and that nothing makes it panic.

mod support;

use common::elf::{Image, guess_remainder};
use support::{Generator, Header, PT_LOAD, R, W, X, code, write_elf};

const TEXT: Header = Header {
    kind: PT_LOAD,
    flags: R | X,
    offset: 0x1000,
    address: 0x201000,
    file_size: 0x800,
    memory_size: 0x800,
};
const DATA: Header = Header {
    kind: PT_LOAD,
    flags: R | W,
    offset: 0x1800,
    address: 0x202800,
    file_size: 0x100,
    memory_size: 0x5000,
};
const LENGTH: usize = 0x2000;
const ENTRY: u64 = 0x201010;

fn parse(headers: &[Header]) -> String {
    code(Image::parse(&write_elf(ENTRY, headers, LENGTH, 0)))
}

/// The code for a good file after `change`.
fn changed(change: impl Fn(&mut Vec<u8>)) -> String {
    let mut file = write_elf(ENTRY, &[TEXT, DATA], LENGTH, 0);
    change(&mut file);
    code(Image::parse(&file))
}

#[test]
fn a_static_program_is_read_with_its_segments_in_order() {
    let elf = Image::parse(&write_elf(ENTRY, &[DATA, TEXT], LENGTH, 0)).unwrap();
    let addresses: Vec<u64> = elf
        .segments()
        .iter()
        .map(|segment| segment.address)
        .collect();
    assert_eq!(
        (elf.entry, addresses),
        (ENTRY, vec![TEXT.address, DATA.address])
    );
    assert!(elf.segments()[0].access.execute && !elf.segments()[0].access.write);
    assert!(elf.segments()[1].access.write && !elf.segments()[1].access.execute);
}

#[test]
fn each_field_of_the_elf_header_is_checked() {
    assert_eq!(changed(|_| ()), "none");
    assert_eq!(changed(|file| file[0] = 0), "EM");
    assert_eq!(changed(|file| file.truncate(63)), "EM");
    assert_eq!(changed(|file| file[4] = 1), "EC");
    assert_eq!(changed(|file| file[5] = 2), "EC");
    assert_eq!(changed(|file| file[6] = 0), "EV");
    assert_eq!(changed(|file| file[20] = 2), "EV");
    assert_eq!(changed(|file| file[16] = 3), "none");
    assert_eq!(changed(|file| file[16] = 1), "EX");
    assert_eq!(changed(|file| file[18] = 183), "EA");
    assert_eq!(changed(|file| file[54] = 32), "EH");
    assert_eq!(changed(|file| file[56] = 0), "EH");
    assert_eq!(changed(|file| file[56] = 33), "EH");
    assert_eq!(changed(|file| file[39] = 0x80), "EO");
    assert_eq!(changed(|file| file[32] = 8), "EO");
    assert_eq!(
        changed(|file| file[33..35].copy_from_slice(&[0x20, 0])),
        "EO"
    );
}

#[test]
fn each_field_of_a_segment_is_checked() {
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                file_size: 0x801,
                ..DATA
            }
        ]),
        "EO"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                offset: u64::MAX,
                ..DATA
            }
        ]),
        "EO"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                memory_size: 0xff,
                ..DATA
            }
        ]),
        "EZ"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                memory_size: u64::MAX,
                ..DATA
            }
        ]),
        "EN"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                address: 0x8000_0000_0800,
                ..DATA
            }
        ]),
        "EN"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                address: 0x7fff_ffff_f800,
                ..DATA
            }
        ]),
        "EN"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                address: 0xffff_ffff_ffff_a800,
                ..DATA
            }
        ]),
        "EN"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                address: 0xffff_ffff_ffff_9800,
                ..DATA
            }
        ]),
        "none"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                address: 0x202900,
                ..DATA
            }
        ]),
        "EG"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                address: 0x201000,
                offset: 0x1000,
                ..DATA
            }
        ]),
        "EL"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                address: 0x200800,
                ..DATA
            }
        ]),
        "EL"
    );
    assert_eq!(
        parse(&[
            TEXT,
            Header {
                address: 0x201800,
                ..DATA
            }
        ]),
        "none"
    );
}

#[test]
fn a_program_needs_an_entry_in_executable_memory() {
    assert_eq!(parse(&[DATA]), "EE");
    assert_eq!(parse(&[Header { kind: 4, ..TEXT }]), "ES");
    assert_eq!(parse(&[Header { flags: R, ..TEXT }, DATA]), "EE");
    for entry in [0, 0x200fff, 0x201800, 0x202900] {
        assert_eq!(
            code(Image::parse(&write_elf(entry, &[TEXT, DATA], LENGTH, 0))),
            "EE",
            "{entry:#x}"
        );
    }
}

#[test]
fn dynamic_linking_is_refused_and_tls_is_checked() {
    assert_eq!(parse(&[TEXT, Header { kind: 3, ..TEXT }]), "ED");
    let tls = Header {
        kind: 7,
        memory_size: 0x900,
        file_size: 0x10,
        ..DATA
    };
    assert_eq!(parse(&[TEXT, DATA, tls]), "none");
    assert_eq!(parse(&[TEXT, DATA, tls, tls]), "EU");
    assert_eq!(
        parse(&[
            TEXT,
            DATA,
            Header {
                address: 0x400000,
                ..tls
            }
        ]),
        "EU"
    );
    assert_eq!(
        parse(&[
            TEXT,
            DATA,
            Header {
                memory_size: 0xf,
                ..tls
            }
        ]),
        "EU"
    );
    assert_eq!(
        parse(&[
            TEXT,
            DATA,
            Header {
                address: u64::MAX,
                ..tls
            }
        ]),
        "EU"
    );
}

#[test]
fn the_biggest_segment_says_where_large_pages_would_fit() {
    let big = Header {
        offset: 0x3000,
        address: 0xffff_ffff_8070_5000,
        file_size: 0x50_0000,
        memory_size: 0,
        ..DATA
    };
    let head = write_elf(ENTRY, &[TEXT, big, DATA], LENGTH, 0);
    assert_eq!(guess_remainder(&head, 0x20_0000), Some(0x10_2000));
    assert_eq!(
        guess_remainder(&write_elf(ENTRY, &[TEXT, DATA], LENGTH, 0), 0x20_0000),
        None
    );
    assert_eq!(guess_remainder(&head[..100], 0x20_0000), None);
}

#[test]
fn random_changes_never_make_the_reader_panic() {
    let mut generator = Generator::new(3);
    let good = write_elf(ENTRY, &[TEXT, DATA, Header { kind: 7, ..DATA }], LENGTH, 0);
    let interesting = [0, 1, 0x7f, 0x80, 0xff];
    let mut taken = 0;
    for _ in 0..support::rounds(170_000) {
        let mut file = good.clone();
        for _ in 0..=generator.below(4) {
            let at = generator.below(64 + 3 * 56) as usize;
            file[at] = match generator.below(3) {
                0 => interesting[generator.below(5) as usize],
                1 => file[at] ^ 1 << generator.below(8),
                _ => generator.next() as u8,
            };
        }
        if generator.below(8) == 0 {
            file.truncate(generator.below(LENGTH as u64) as usize);
        }
        let read = support::timed(|| {
            guess_remainder(&file, 0x20_0000);
            Image::parse(&file)
        });
        if let Ok(elf) = read {
            taken += 1;
            for segment in elf.segments() {
                assert!(segment.offset + segment.file_size <= file.len() as u64);
                assert!(segment.file_end() <= segment.end());
            }
        }
    }
    assert!(
        taken > 1000,
        "only {taken} changed files were taken: the changes are too coarse to tell anything"
    );
}

#[test]
#[should_panic(expected = "a case takes 1")]
fn a_case_that_takes_too_long_each_time_is_seen() {
    support::timed(|| {
        let start = support::processor_time();
        while support::processor_time() - start < 12_000_000 {}
    });
}

#[test]
fn a_case_that_takes_long_once_is_not() {
    let mut first = true;
    support::timed(|| {
        let start = support::processor_time();
        while first && support::processor_time() - start < 12_000_000 {}
        first = false;
    });
}
