//! The firmware's memory map: hundreds of descriptors, of any stride, overlapping, empty, and of kinds that nobody knows.

#[path = "../src/descriptors.rs"]
mod descriptors;

use common::memory_map::{CAPACITY, MemoryMap, Region, Use};
use descriptors::{take, take_free};

const PAGE: u64 = 4096;
const WRITE_BACK: u64 = 0xF;

/// A map of the firmware's: kind, start, pages and attributes of each descriptor, `stride` bytes for each.
fn raw(stride: usize, list: &[(u32, u64, u64, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &(kind, start, pages, attributes) in list {
        let mut descriptor = vec![0xEE; stride];
        descriptor[..4].copy_from_slice(&kind.to_le_bytes());
        for (at, value) in [(8, start), (16, 0), (24, pages), (32, attributes)] {
            if at + 8 <= stride {
                descriptor[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
        }
        bytes.extend(descriptor);
    }
    bytes
}

fn read(stride: usize, list: &[(u32, u64, u64, u64)]) -> Vec<Region> {
    let mut map = MemoryMap::new(0, u64::MAX);
    take(&mut map, &raw(stride, list), stride);
    map.regions().to_vec()
}

fn region(start: u64, end: u64, purpose: Use) -> Region {
    Region {
        start,
        end,
        purpose,
    }
}

#[test]
fn what_was_the_firmwares_and_ours_is_one_piece_afterwards() {
    let list: Vec<_> = [7, 1, 2, 3, 4, 7]
        .iter()
        .zip(0..)
        .map(|(&kind, index)| (kind, 0x10_0000 + index * PAGE, 1, WRITE_BACK))
        .collect();
    for stride in [40, 48, 56] {
        let found = read(stride, &list);
        assert_eq!(found, [region(0x10_0000, 0x10_6000, Use::Usable)]);
    }
}

#[test]
fn while_its_services_last_only_free_memory_is_usable() {
    let list = [
        (7, 0, 1, WRITE_BACK),
        (4, PAGE, 1, WRITE_BACK),
        (2, 2 * PAGE, 1, WRITE_BACK),
    ];
    let mut map = MemoryMap::new(0, u64::MAX);
    take_free(&mut map, &raw(48, &list), 48);
    assert_eq!(
        map.regions(),
        [
            region(0, PAGE, Use::Usable),
            region(PAGE, 3 * PAGE, Use::Reserved)
        ]
    );
}

#[test]
fn each_kind_is_what_the_specification_says() {
    let kinds = [
        (0, Use::Reserved),
        (5, Use::Reserved),
        (6, Use::Reserved),
        (8, Use::BadMemory),
        (9, Use::AcpiReclaimable),
        (10, Use::AcpiNvs),
        (11, Use::Reserved),
        (14, Use::Reserved),
        (15, Use::Reserved),
        (0x7000_0001, Use::Reserved),
        (0x8000_0001, Use::Reserved),
    ];
    for (kind, purpose) in kinds {
        let found = read(48, &[(kind, PAGE, 2, WRITE_BACK)]);
        assert_eq!(found, [region(PAGE, 3 * PAGE, purpose)], "{kind}");
    }
}

#[test]
fn memory_that_is_not_cached_or_kept_for_somebody_is_not_for_everybody() {
    for attributes in [0, 1, 7, WRITE_BACK | 1 << 18] {
        let found = read(48, &[(7, PAGE, 1, attributes)]);
        assert_eq!(found, [region(PAGE, 2 * PAGE, Use::Reserved)]);
    }
    let runtime = WRITE_BACK | 1 << 63;
    assert_eq!(
        read(48, &[(7, PAGE, 1, runtime)]),
        [region(PAGE, 2 * PAGE, Use::Usable)]
    );
}

#[test]
fn descriptors_may_overlap_be_empty_or_wrap_around() {
    let list = [
        (7, 0x10_0000, 16, WRITE_BACK),
        (6, 0x10_4000, 2, WRITE_BACK),
        (7, 0x10_4000, 0, WRITE_BACK),
        (7, 0x20_0000, u64::MAX, WRITE_BACK),
        (0, 0x4000_0000, u64::MAX / PAGE, WRITE_BACK),
    ];
    let found = read(48, &list);
    assert_eq!(
        found[..4],
        [
            region(0x10_0000, 0x10_4000, Use::Usable),
            region(0x10_4000, 0x10_6000, Use::Reserved),
            region(0x10_6000, 0x11_0000, Use::Usable),
            region(0x20_0000, 0x4000_0000, Use::Usable),
        ]
    );
    assert_eq!(found[4].purpose, Use::Reserved);
}

#[test]
fn a_descriptor_that_is_too_short_says_nothing() {
    assert_eq!(read(32, &[(7, PAGE, 1, WRITE_BACK)]), []);
}

#[test]
fn more_regions_than_there_is_room_for_lose_only_usable_memory() {
    let list: Vec<_> = (0..1000)
        .map(|index| {
            let kind = if index % 2 == 0 { 7 } else { 0 };
            (kind, 0x10_0000 + index * 2 * PAGE, 1, WRITE_BACK)
        })
        .collect();
    let found = read(48, &list);
    assert!(found.len() <= CAPACITY);
    for region in found {
        let index = (region.start - 0x10_0000) / (2 * PAGE);
        let reserved = index % 2 == 1;
        assert_eq!(region.purpose == Use::Usable, !reserved);
    }
}
