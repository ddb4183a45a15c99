//! A machine in fake memory that a kernel was prepared in, and the check of every page of it.

use std::collections::{BTreeMap, HashMap};

use crate::support::FakeMemory;
use arch_x86_64::page_table::{LARGE_PAGE, PageTable};
use common::boot::{self, Identity, Kernel, Ready};
use common::elf::Elf;
use common::failure::Failure;
use common::kernel_file::Settings;
use common::memory::{Access, Memory};
use common::memory_map::{MemoryMap, Report, Use};
use common::segments::Loaded;

pub const BASE: u64 = 0x10_0000;
pub const PAGE: u64 = 4096;
pub const IDENTITY: [Identity; 2] = [
    Identity {
        start: 0x8000,
        end: 0x10000,
        access: Access::EXECUTE,
    },
    Identity {
        start: 0xA0000,
        end: 0xC0000,
        access: Access::WRITE,
    },
];

/// A machine after a kernel was prepared.
pub struct Machine {
    pub memory: FakeMemory,
    pub map: MemoryMap,
    pub root: u64,
    pub ready: Ready,
}

/// What the processor would find at a page: frame, access.
pub fn walk(memory: &mut FakeMemory, root: u64, address: u64) -> Option<(u64, Access)> {
    let mut table = root;
    let mut access = Access {
        write: true,
        execute: true,
    };
    for level in (1..=4).rev() {
        let index = address >> (12 + 9 * (level - 1)) & 511;
        let entry = u64::from_le_bytes(memory.bytes(table + index * 8, 8).try_into().unwrap());
        if entry & 1 == 0 {
            return None;
        }
        access.write &= entry & 2 != 0;
        access.execute &= entry >> 63 == 0;
        table = entry & 0x000f_ffff_ffff_f000;
        if level == 2 && entry & 0x80 != 0 {
            return Some((table + (address & (LARGE_PAGE - 1) & !(PAGE - 1)), access));
        }
    }
    Some((table, access))
}

pub fn prepare(file: &[u8], size: usize, stack_size: u64) -> Result<Machine, Failure> {
    let mut memory = FakeMemory::new(BASE, size);
    let mut map = MemoryMap::new(BASE, BASE + size as u64);
    map.take_reports(&[Report {
        start: 0x1000,
        length: BASE + size as u64 - 0x1000,
        purpose: Use::Usable,
    }]);
    let remainder = common::elf::guess_remainder(&file[..file.len().min(4096)], LARGE_PAGE);
    let address = boot::place(&mut map, file.len() as u64, remainder)?;
    let mut bytes = file.to_vec();
    bytes.resize(file.len().next_multiple_of(PAGE as usize), 0);
    memory
        .bytes(address, bytes.len() as u64)
        .copy_from_slice(&bytes);
    let settings = Settings {
        handover: 1,
        stack_size,
        stack_address: None,
        boot_info_address: None,
        physical_memory_offset: None,
    };
    let kernel = Kernel {
        file: Loaded {
            bytes: &bytes,
            address,
        },
        length: file.len() as u64,
        settings,
    };
    let mut space = PageTable::new(&mut memory, &mut map)?;
    let ready = boot::prepare(&kernel, &IDENTITY, &mut memory, &mut map, &mut space)?;
    Ok(Machine {
        memory,
        map,
        root: space.root,
        ready,
    })
}

/// The use of the frame at `address`.
pub fn purpose(map: &MemoryMap, address: u64) -> Option<Use> {
    map.regions()
        .iter()
        .find(|region| (region.start..region.end).contains(&address))
        .map(|region| region.purpose)
}

/// Checks every page of a prepared kernel against its file.
pub fn check(machine: &mut Machine, file: &[u8], stack_size: u64) {
    let elf = Elf::parse(file).unwrap();
    let mut expected: BTreeMap<u64, Access> = BTreeMap::new();
    let mut frames: HashMap<u64, Vec<u64>> = HashMap::new();
    for segment in elf.segments() {
        let mut page = segment.address & !(PAGE - 1);
        while page < segment.end() {
            let access = expected.entry(page).or_default();
            *access = access.union(segment.access);
            page += PAGE;
        }
    }
    for (&page, &access) in &expected {
        let (frame, found) =
            walk(&mut machine.memory, machine.root, page).expect("a page of the kernel is mapped");
        assert_eq!(found, access, "page {page:#x}");
        assert_eq!(
            purpose(&machine.map, frame),
            Some(Use::Kernel),
            "page {page:#x}"
        );
        frames.entry(frame).or_default().push(page);
    }
    for segment in elf.segments() {
        for offset in 0..segment.memory_size {
            let address = segment.address + offset;
            let (frame, _) = walk(&mut machine.memory, machine.root, address).unwrap();
            let byte = machine.memory.bytes(frame + address % PAGE, 1)[0];
            let wanted = if offset < segment.file_size {
                file[(segment.offset + offset) as usize]
            } else {
                0
            };
            assert_eq!(byte, wanted, "{address:#x}");
        }
    }
    for pages in frames.values() {
        let writable = pages.iter().any(|page| expected[page].write);
        assert!(
            pages.len() == 1 || !writable,
            "a writable frame shows at {pages:x?}"
        );
    }
    let ready = machine.ready;
    let mut at = |address| walk(&mut machine.memory, machine.root, address);
    let guard = ready.stack_end - stack_size - PAGE;
    assert_eq!(at(guard), None, "the guard page is unmapped");
    assert_eq!(at(ready.stack_end), None);
    for page in (guard + PAGE..ready.stack_end).step_by(PAGE as usize) {
        let (frame, access) = at(page).unwrap();
        assert_eq!(
            (access, purpose(&machine.map, frame)),
            (Access::WRITE, Some(Use::KernelStack))
        );
    }
    let (frame, access) = at(ready.boot_info).unwrap();
    assert_eq!(
        (access, purpose(&machine.map, frame)),
        (Access::WRITE, Some(Use::BootInfo))
    );
    for identity in IDENTITY {
        for page in (identity.start..identity.end).step_by(PAGE as usize) {
            assert_eq!(at(page), Some((page, identity.access)));
        }
    }
    for page in [0, 0x7000, 0x10000, 0x9F000, 0xC0000]
        .iter()
        .filter(|page| !expected.contains_key(page))
    {
        assert_eq!(at(*page), None, "{page:#x}");
    }
    assert_eq!(purpose(&machine.map, machine.root), Some(Use::PageTable));
}
