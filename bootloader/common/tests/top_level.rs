//! Virtual addresses that the loader chooses: none is given twice, and none lies where no processor can reach it.

mod support;

use common::top_level::{ENTRY_SIZE, TopLevel};
use support::{Generator, rounds};

/// Bytes that nobody may be given twice, as the first and the last address.
type Run = (u64, u64);

fn is_canonical((first, last): Run) -> bool {
    let upper = |address: u64| (address as i64 >> 47) as u64;
    first <= last && upper(first) == upper(last) && matches!(upper(first), 0 | u64::MAX)
}

#[test]
fn whatever_is_asked_for_by_chance_no_address_is_given_twice() {
    let mut generator = Generator::new(61);
    for round in 0..rounds(2000) {
        let mut free = TopLevel::new((round % 8 > 0).then(|| generator.next()));
        free.take(0, ENTRY_SIZE - 1);
        let mut given: Vec<Run> = vec![(0, ENTRY_SIZE - 1)];
        for _ in 0..6 {
            let entries = 1 + generator.below(100);
            // A size that fills its entries, one that leaves less than a step of them, and any.
            let left = [0, 1 << 12, generator.below(ENTRY_SIZE)][generator.below(3) as usize];
            let alignment = [8, 1 << 12, 1 << 21][generator.below(3) as usize];
            let size = entries * ENTRY_SIZE - left;
            let Ok(address) = free.choose(size, alignment) else {
                continue;
            };
            let run = (address, address.wrapping_add(size - 1));
            assert!(is_canonical(run), "{run:x?}");
            assert_eq!(address % alignment, 0);
            for other in &given {
                assert!(
                    run.1 < other.0 || other.1 < run.0,
                    "{run:x?} and {other:x?}"
                );
            }
            given.push(run);
        }
    }
}

#[test]
fn a_run_of_entries_does_not_cross_from_the_lower_half_to_the_upper_one() {
    let mut free = TopLevel::new(None);
    free.take(0, (1 << 47) - ENTRY_SIZE - 1);
    assert_eq!(
        free.choose(2 * ENTRY_SIZE, 8).ok(),
        Some(0xFFFF_8000_0000_0000)
    );
    assert_eq!(
        free.choose_entry().ok(),
        Some((1 << 47) - ENTRY_SIZE),
        "the last of the lower half is still free"
    );
}

#[test]
fn what_fills_its_entries_but_for_a_step_has_two_places() {
    let steps = (0..64_u64).map(|seed| {
        let mut free = TopLevel::new(Some(seed << 32));
        free.choose(ENTRY_SIZE - 4096, 4096).ok().unwrap() % ENTRY_SIZE
    });
    let mut steps: Vec<u64> = steps.collect();
    steps.sort();
    steps.dedup();
    assert_eq!(steps, [0, 4096]);
}
