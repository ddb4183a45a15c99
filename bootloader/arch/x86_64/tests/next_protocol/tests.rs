//! A kernel of the protocol beside this, whose requests are answered: common holds that protocol, and nothing else new.

#[path = "../machine/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod machine;
#[path = "../../../../common/tests/support/mod.rs"]
mod support;

use common::boot::Entry;
use common::handover::next_protocol::MAGIC;
use common::kernel_file::Settings;
use common::memory::Memory;
use common::memory_map::Use;
use machine::{Machine, PAGE, prepare_with, walk};
use support::{Header, PT_LOAD, R, W, X, code, write_elf};

const START: u64 = 0xffff_ffff_8000_0000;

/// A program with requests in its data: the first wants answer 1, the second answer `second`.
fn program(second: u64) -> Vec<u8> {
    let text = Header {
        kind: PT_LOAD,
        flags: R | X,
        offset: 0x1000,
        address: START,
        file_size: 0x1000,
        memory_size: 0x1000,
    };
    let data = Header {
        flags: R | W,
        offset: 0x2000,
        address: START + 0x1000,
        memory_size: 0x5000,
        ..text
    };
    let mut file = write_elf(START, &[text, data], 0x3000, 0x77);
    for (at, value) in [
        (0x2100, MAGIC),
        (0x2108, 1),
        (0x2800, MAGIC),
        (0x2808, second),
    ] {
        file[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
    }
    file
}

fn quadword(machine: &mut Machine, address: u64) -> u64 {
    let (frame, _) = walk(&mut machine.memory, machine.root, address).unwrap();
    let bytes = machine.memory.bytes(frame + address % PAGE, 8);
    u64::from_le_bytes((&*bytes).try_into().unwrap())
}

#[test]
fn requests_are_answered_where_the_kernel_has_them() {
    let mut machine = prepare_with(&program(0), 16 << 20, Settings::new(77)).unwrap();
    let (rsdp, memory) = (
        quadword(&mut machine, START + 0x1110),
        quadword(&mut machine, START + 0x1810),
    );
    assert_eq!((rsdp, rsdp % PAGE), (memory + 8, 8));
    assert_eq!(quadword(&mut machine, rsdp), 0xF_5A10);
    let regions = machine.map.regions().iter();
    let usable = regions.filter(|region| region.purpose == Use::Usable);
    let bytes: u64 = usable.map(|region| region.end - region.start).sum();
    assert_eq!(quadword(&mut machine, memory), bytes);
    // Beside the pointers nothing is other than in the file.
    for at in [0x1108, 0x1118, 0x1808, 0x1818] {
        let wanted = program(0)[0x1000 + at..][..8].try_into().unwrap();
        let found = quadword(&mut machine, START + at as u64);
        assert_eq!(found, u64::from_le_bytes(wanted), "{at:#x}");
    }
    let (frame, _) = walk(&mut machine.memory, machine.root, memory).unwrap();
    let Entry::Jump64 { argument, .. } = machine.entry else {
        panic!("the kernel is jumped to");
    };
    assert_eq!(argument, frame);
}

#[test]
fn a_request_that_the_protocol_does_not_know_is_its_own_failure() {
    assert_eq!(
        code(prepare_with(&program(2), 16 << 20, Settings::new(77))),
        "KR"
    );
}
