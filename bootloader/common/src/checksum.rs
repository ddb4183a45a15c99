//! The kernel file's checksum: a sum of quadwords for each sector, folded by an odd multiplier.
//!
//! Folding is a bijection of the sum so far, and adding a sector's sum is one of that sum: any single changed byte
//! changes the result. It costs about one instruction a quadword; `layout.checksum` is the same in Python.

use crate::bytes::take;

const SECTOR: usize = layout::SECTOR_SIZE as usize;

/// The checksum of all sectors that `update` was given.
#[derive(Clone, Copy, Default)]
pub struct Checksum(u64);

impl Checksum {
    /// Takes in `bytes`; a last piece that is no whole sector counts as filled up with zeroes.
    pub fn update(&mut self, bytes: &[u8]) {
        let sectors = bytes.chunks_exact(SECTOR);
        let rest = sectors.remainder();
        for sector in sectors {
            self.fold(sum(sector));
        }
        if !rest.is_empty() {
            let mut last = [0; SECTOR];
            last[..rest.len()].copy_from_slice(rest);
            self.fold(sum(&last));
        }
    }

    /// Takes in one sector by the sum of its quadwords.
    fn fold(&mut self, sum: u64) {
        self.0 = self
            .0
            .wrapping_mul(layout::CHECKSUM_MULTIPLIER)
            .wrapping_add(sum);
    }

    /// The checksum.
    pub fn value(self) -> u64 {
        self.0
    }
}

/// The sum of a sector's quadwords, modulo 2 to the 64.
fn sum(sector: &[u8]) -> u64 {
    // Written out, because an optimizer that saves space does not unroll: 16 additions from memory and one branch.
    sector
        .chunks_exact(128)
        .filter_map(|step| step.first_chunk::<128>())
        .fold(0, |sum, step| {
            let word = |index: usize| take(step, index * 8).map_or(0, u64::from_le_bytes);
            sum.wrapping_add(word(0))
                .wrapping_add(word(1))
                .wrapping_add(word(2))
                .wrapping_add(word(3))
                .wrapping_add(word(4))
                .wrapping_add(word(5))
                .wrapping_add(word(6))
                .wrapping_add(word(7))
                .wrapping_add(word(8))
                .wrapping_add(word(9))
                .wrapping_add(word(10))
                .wrapping_add(word(11))
                .wrapping_add(word(12))
                .wrapping_add(word(13))
                .wrapping_add(word(14))
                .wrapping_add(word(15))
        })
}

/// The checksum of a header of whole sectors, with the quadword at `field` (in its first sector) taken as zero.
pub fn without_field(header: &[u8], field: usize) -> u64 {
    let mut checksum = Checksum::default();
    let mut stated = take(header, field).map_or(0, u64::from_le_bytes);
    for sector in header.chunks_exact(SECTOR) {
        checksum.fold(sum(sector).wrapping_sub(core::mem::take(&mut stated)));
    }
    checksum.value()
}
