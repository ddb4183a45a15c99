//! Bits of integers, in place of the registry's crate of that name.
#![no_std]

use core::ops::{Bound, RangeBounds};

/// What the registry's crate does not have.
pub const FORK: &str = "a fork";

pub trait BitField {
    const BIT_LENGTH: usize;
    fn get_bit(&self, bit: usize) -> bool;
    fn get_bits<T: RangeBounds<usize>>(&self, range: T) -> Self;
    fn set_bit(&mut self, bit: usize, value: bool) -> &mut Self;
    fn set_bits<T: RangeBounds<usize>>(&mut self, range: T, value: Self) -> &mut Self;
}

/// Returns the first bit of a range, and how many there are.
fn bounds(range: impl RangeBounds<usize>, length: usize) -> (usize, usize) {
    let start = match range.start_bound() {
        Bound::Included(&bit) => bit,
        Bound::Excluded(&bit) => bit + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&bit) => bit + 1,
        Bound::Excluded(&bit) => bit,
        Bound::Unbounded => length,
    };
    assert!(
        start < end && end <= length,
        "bits {start}..{end} of {length}"
    );
    (start, end - start)
}

macro_rules! implement {
    ($($integer:ty)*) => { $(
        impl BitField for $integer {
            const BIT_LENGTH: usize = <$integer>::BITS as usize;

            fn get_bit(&self, bit: usize) -> bool {
                self.get_bits(bit..=bit) != 0
            }

            fn get_bits<T: RangeBounds<usize>>(&self, range: T) -> Self {
                let (start, count) = bounds(range, Self::BIT_LENGTH);
                *self >> start & (<$integer>::MAX >> (Self::BIT_LENGTH - count))
            }

            fn set_bit(&mut self, bit: usize, value: bool) -> &mut Self {
                self.set_bits(bit..=bit, value as $integer)
            }

            fn set_bits<T: RangeBounds<usize>>(&mut self, range: T, value: Self) -> &mut Self {
                let (start, count) = bounds(range, Self::BIT_LENGTH);
                let mask = <$integer>::MAX >> (Self::BIT_LENGTH - count);
                assert!(value & !mask == 0, "{value} has more than {count} bits");
                *self = *self & !(mask << start) | value << start;
                self
            }
        }
    )* };
}

implement! { u8 u16 u32 u64 usize }
