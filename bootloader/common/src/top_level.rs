//! Virtual addresses that a loader may choose: whole top-level page-table entries, as upstream gives them out.

use crate::failure::{Failure, Kind};

/// What a top-level entry covers.
pub const ENTRY_SIZE: u64 = 1 << 39;
const ENTRIES: usize = 512;
/// The first entry of the addresses whose upper 16 bits are set.
const UPPER_HALF: usize = ENTRIES / 2;

/// Which entries are taken, and how the next free one is chosen.
pub struct TopLevel {
    taken: [bool; ENTRIES],
    random: Option<u64>,
}

impl TopLevel {
    /// Everything free; with `seed`, addresses are chosen by chance.
    pub fn new(seed: Option<u64>) -> TopLevel {
        TopLevel {
            taken: [false; ENTRIES],
            random: seed,
        }
    }

    /// Takes the entries of the addresses from `first` to `last`.
    pub fn take(&mut self, first: u64, last: u64) {
        let (first, last) = (index(first), index(last));
        if first <= last {
            self.taken[first..=last].fill(true);
        }
    }

    /// Takes the first free entry, or with a seed any, and returns its address.
    pub fn choose_entry(&mut self) -> Result<u64, Failure> {
        self.choose_entries(1)
    }

    /// Takes entries for `size` bytes and returns an address in the first, a multiple of `alignment`.
    pub fn choose(&mut self, size: u64, alignment: u64) -> Result<u64, Failure> {
        let count = size.div_ceil(ENTRY_SIZE).max(1);
        let start = self.choose_entries(count)?;
        // Sizes that fill their entries, as the 1 TiB that QEMU's processors of AMD reserve part of, cannot be moved.
        let steps = (count * ENTRY_SIZE - size) / alignment;
        let step = self.next_random().map_or(0, |random| random % (steps + 1));
        Ok(start + step * alignment)
    }

    fn choose_entries(&mut self, count: u64) -> Result<u64, Failure> {
        let none = Kind::NoTopLevel.with(count, 0);
        let length = usize::try_from(count).map_err(|_| none)?;
        // Between the halves lie addresses that no processor takes.
        let is_free = |&start: &usize| {
            let end = start.saturating_add(length);
            let run = self.taken.get(start..end);
            (end <= UPPER_HALF || start >= UPPER_HALF)
                && run.is_some_and(|run| !run.contains(&true))
        };
        let wanted = match self.random {
            // As many as there are to choose from are counted only where chance chooses.
            Some(random) => random % ((0..ENTRIES).filter(is_free).count() as u64).max(1),
            None => 0,
        };
        let start = (0..ENTRIES)
            .filter(is_free)
            .nth(wanted as usize)
            .ok_or(none)?;
        self.next_random();
        self.taken[start..start + length].fill(true);
        Ok(address(start))
    }

    /// xorshift64*; `None` without a seed.
    fn next_random(&mut self) -> Option<u64> {
        let mut state = self.random? | 1 << 32;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.random = Some(state);
        Some(state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 8)
    }
}

/// The top-level entry that an address lies in.
pub fn index(address: u64) -> usize {
    (address / ENTRY_SIZE) as usize % ENTRIES
}

/// The first address of an entry; those of the upper half have their upper 16 bits set.
fn address(index: usize) -> u64 {
    (((index as u64 * ENTRY_SIZE) << 16) as i64 >> 16) as u64
}
