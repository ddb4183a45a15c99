//! Much is allocated, and the same memory again and again.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(heap::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;
mod common;

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use bit_field::BitField;

#[test_case]
fn a_large_vector_grows() {
    let numbers: Vec<u64> = (0..1000).collect();
    assert_eq!(numbers.iter().sum::<u64>(), 999 * 1000 / 2);
}

#[test_case]
fn memory_is_used_again() {
    for turn in 0..heap::memory::SIZE {
        assert_eq!(*Box::new(turn), turn);
    }
}

#[test_case]
fn a_long_lived_box_is_left_alone() {
    let first = Box::new(1);
    for turn in 0..1000 {
        drop(Box::new(turn));
    }
    assert_eq!(*first, 1);
}

#[test_case]
fn a_map_holds_bits() {
    let map: BTreeMap<u8, bool> = (0..8)
        .map(|bit| (bit, 0b1010_0101_u8.get_bit(bit.into())))
        .collect();
    assert_eq!(map.values().filter(|set| **set).count(), 4);
}
