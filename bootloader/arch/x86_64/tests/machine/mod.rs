//! A machine in fake memory that a kernel was prepared in, and the check of every page of it.

use std::collections::{BTreeMap, HashMap};

use crate::support::{FakeMemory, FakePlatform};
use arch_x86_64::page_table::{LARGE_PAGE, PageTable};
use common::boot::{self, Entry, Kept};
use common::elf::Image;
use common::failure::Failure;
use common::file::{Kernel, Placed};
use common::kernel_file::Settings;
use common::memory::{Access, FrameAllocator, Memory, Placement};
use common::memory_map::{MemoryMap, Report, Use};
use common::plan::Mapping;

pub const BASE: u64 = 0x10_0000;
pub const PAGE: u64 = 4096;
pub const JUMP: [Mapping; 1] = [Mapping::identity(0x8000, 0x9000, Access::EXECUTE)];
pub const LOW: [Mapping; 2] = [
    Mapping::identity(0x1000, 0x15000, Access::ALL),
    Mapping::identity(0xA0000, 0xC0000, Access::WRITE),
];

/// A machine after a kernel was prepared.
pub struct Machine {
    pub memory: FakeMemory,
    pub map: MemoryMap,
    pub root: u64,
    pub entry: Entry,
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
    let settings = Settings {
        stack_size,
        ..Settings::new(1)
    };
    prepare_with(file, size, settings)
}

pub fn prepare_with(file: &[u8], size: usize, settings: Settings) -> Result<Machine, Failure> {
    let mut platform = FakePlatform::new(BASE, size);
    platform.map.take_reports(&[Report {
        start: 0x1000,
        length: BASE + size as u64 - 0x1000,
        purpose: Use::Usable,
    }]);
    let length = file.len() as u64;
    let remainder = common::elf::guess_remainder(&file[..file.len().min(4096)], LARGE_PAGE);
    let placement = remainder.map_or(Placement::ANY, |remainder| Placement {
        modulus: LARGE_PAGE,
        remainder,
    });
    let address = match platform.allocate(Use::Kernel, length, placement) {
        Err(_) => platform.allocate(Use::Kernel, length, Placement::ANY)?,
        allocated => allocated?,
    };
    let mut bytes = file.to_vec();
    bytes.resize(file.len().next_multiple_of(PAGE as usize), 0);
    platform
        .bytes(address, bytes.len() as u64)
        .copy_from_slice(&bytes);
    let kernel = Kernel {
        elf: Placed { address, length },
        ramdisk: None,
        settings,
    };
    let mut space = PageTable::new(&mut platform)?;
    let kept = Kept {
        jump: &JUMP,
        low: &LOW,
    };
    let prepared = boot::prepare(&kernel, &bytes, kept, &mut platform, &mut space)?;
    let FakePlatform {
        mut memory, map, ..
    } = platform;
    let entry = prepared.finish(&mut memory, &map);
    Ok(Machine {
        memory,
        map,
        root: space.root,
        entry,
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
    let elf = Image::parse(file).unwrap();
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
    let Entry::Call64 {
        stack_end,
        argument,
        ..
    } = machine.entry
    else {
        panic!("a kernel of 0.9 is called");
    };
    let mut at = |address| walk(&mut machine.memory, machine.root, address);
    let guard = stack_end - stack_size - PAGE;
    assert_eq!(at(guard), None, "the guard page is unmapped");
    assert_eq!(at(stack_end), None);
    for page in (guard + PAGE..stack_end).step_by(PAGE as usize) {
        let (frame, access) = at(page).unwrap();
        assert_eq!(
            (access, purpose(&machine.map, frame)),
            (Access::WRITE, Some(Use::KernelStack))
        );
    }
    let (frame, access) = at(argument).unwrap();
    assert_eq!(
        (access, purpose(&machine.map, frame)),
        (Access::WRITE, Some(Use::BootInfo))
    );
    for identity in LOW {
        for page in (identity.address..identity.address + identity.length).step_by(PAGE as usize) {
            assert_eq!(at(page), Some((page, identity.access)));
        }
    }
    for page in [0, 0x15000, 0x9F000, 0xC0000]
        .iter()
        .filter(|page| !expected.contains_key(page))
    {
        assert_eq!(at(*page), None, "{page:#x}");
    }
    assert_eq!(purpose(&machine.map, machine.root), Some(Use::PageTable));
}
