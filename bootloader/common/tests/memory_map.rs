//! The memory map: putting reports in order, and giving memory away.

mod support;

use common::memory::Placement;
use common::memory_map::{CAPACITY, MemoryMap, Report, Use};
use support::{Generator, code};

const ALL: (u64, u64) = (0, u64::MAX);

fn map(reports: &[(u64, u64, Use)]) -> MemoryMap {
    let mut map = MemoryMap::new(ALL.0, ALL.1);
    let reports: Vec<Report> = reports
        .iter()
        .map(|&(start, end, purpose)| Report {
            start,
            length: end - start,
            purpose,
        })
        .collect();
    map.take_reports(&reports);
    map
}

fn regions(map: &MemoryMap) -> Vec<(u64, u64, Use)> {
    map.regions()
        .iter()
        .map(|region| (region.start, region.end, region.purpose))
        .collect()
}

#[test]
fn reports_are_sorted_and_neighbours_of_one_use_are_joined() {
    let map = map(&[
        (0x8000, 0x9000, Use::Usable),
        (0x1000, 0x2000, Use::Usable),
        (0x2000, 0x4000, Use::Usable),
    ]);
    assert_eq!(
        regions(&map),
        [(0x1000, 0x4000, Use::Usable), (0x8000, 0x9000, Use::Usable)]
    );
}

#[test]
fn a_frame_that_is_usable_in_part_is_not_usable() {
    let map = map(&[
        (0x1800, 0x9fc00, Use::Usable),
        (0x9fc00, 0xa0000, Use::Reserved),
    ]);
    assert_eq!(
        regions(&map),
        [
            (0x2000, 0x9f000, Use::Usable),
            (0x9f000, 0xa0000, Use::Reserved)
        ]
    );
}

#[test]
fn where_reports_overlap_the_worse_use_counts() {
    let reports = [
        (0x4000, 0x6000, Use::BadMemory),
        (0x0, 0x10000, Use::Usable),
        (0x5000, 0x8000, Use::Reserved),
        (0x3000, 0x4800, Use::AcpiNvs),
    ];
    let expected = [
        (0, 0x3000, Use::Usable),
        (0x3000, 0x4000, Use::AcpiNvs),
        (0x4000, 0x6000, Use::BadMemory),
        (0x6000, 0x8000, Use::Reserved),
        (0x8000, 0x10000, Use::Usable),
    ];
    assert_eq!(regions(&map(&reports)), expected);
}

#[test]
fn reports_up_to_the_end_of_all_addresses_do_no_harm() {
    let mut map = MemoryMap::new(ALL.0, ALL.1);
    let whole = Report {
        start: 0,
        length: u64::MAX,
        purpose: Use::Usable,
    };
    let last = Report {
        start: u64::MAX - 0x1800,
        length: u64::MAX,
        purpose: Use::Reserved,
    };
    map.take_reports(&[
        last,
        whole,
        Report { length: 0, ..last },
        Report {
            start: u64::MAX,
            ..whole
        },
    ]);
    assert_eq!(
        regions(&map),
        [(0, !0x1fff, Use::Usable), (!0x1fff, !0xfff, Use::Reserved)]
    );
}

#[test]
fn a_report_of_no_bytes_says_nothing_about_its_frame() {
    let map = map(&[
        (0x1000, 0x9000, Use::Usable),
        (0x3800, 0x3800, Use::BadMemory),
        (0x4000, 0x4000, Use::Reserved),
    ]);
    assert_eq!(regions(&map), [(0x1000, 0x9000, Use::Usable)]);
}

#[test]
fn random_reports_give_what_a_bitmap_gives() {
    let uses = [
        Use::Usable,
        Use::AcpiReclaimable,
        Use::AcpiNvs,
        Use::Reserved,
        Use::BadMemory,
    ];
    let mut generator = Generator::new(7);
    for _ in 0..support::rounds(3000) {
        let reports: Vec<Report> = (0..generator.below(12))
            .map(|_| Report {
                start: generator.below(64 * 4096),
                length: generator.below(20 * 4096),
                purpose: uses[generator.below(5) as usize],
            })
            .collect();
        let map = support::timed(|| {
            let mut map = MemoryMap::new(ALL.0, ALL.1);
            map.take_reports(&reports);
            map
        });
        let mut bitmap = vec![None; 90];
        for report in &reports {
            let end = report.start + report.length;
            for (frame, found) in bitmap.iter_mut().enumerate() {
                let (first, last) = (frame as u64 * 4096, (frame as u64 + 1) * 4096);
                let covers = match report.purpose {
                    Use::Usable => report.start <= first && last <= end,
                    _ => report.length > 0 && report.start < last && first < end,
                };
                // A report of no bytes in the middle of a frame says nothing about the frame.
                if covers {
                    *found = (*found).max(Some(report.purpose));
                }
            }
        }
        let mut found = vec![None; 90];
        for region in map.regions() {
            for frame in region.start / 4096..region.end / 4096 {
                assert_eq!(
                    found[frame as usize].replace(region.purpose),
                    None,
                    "two regions hold frame {frame}"
                );
            }
        }
        assert_eq!(found, bitmap, "{reports:?}");
        assert!(
            map.regions()
                .windows(2)
                .all(|pair| pair[0].end <= pair[1].start)
        );
    }
}

#[test]
fn memory_is_given_once_from_usable_regions_inside_the_window() {
    let mut map = MemoryMap::new(0x10000, 0x40000);
    let reports = [
        (0x1000, 0x18000, Use::Usable),
        (0x18000, 0x20000, Use::Reserved),
        (0x20000, 0x80000, Use::Usable),
    ];
    let reports = reports.map(|(start, end, purpose)| Report {
        start,
        length: end - start,
        purpose,
    });
    map.take_reports(&reports);
    assert_eq!(
        map.allocate(Use::PageTable, 0x1000, Placement::ANY),
        Ok(0x10000)
    );
    assert_eq!(
        map.allocate(Use::Kernel, 0x8001, Placement::ANY),
        Ok(0x20000)
    );
    assert_eq!(
        map.allocate(
            Use::Kernel,
            0x1000,
            Placement {
                modulus: 0x8000,
                remainder: 0x5000
            }
        ),
        Ok(0x15000)
    );
    assert_eq!(
        map.allocate(Use::PageTable, 0x1000, Placement::ANY),
        Ok(0x11000)
    );
    let too_big = map.allocate(Use::Kernel, 0x18000, Placement::ANY);
    assert_eq!(too_big.unwrap_err().numbers, [0x18000, 0x17000]);
    assert_eq!(code(too_big), "KB");
    assert_eq!(
        code(map.allocate(Use::KernelStack, u64::MAX, Placement::ANY)),
        "MF"
    );
    let kinds = [
        (0x1000, 0x10000, Use::Usable),
        (0x10000, 0x12000, Use::PageTable),
        (0x12000, 0x15000, Use::Usable),
        (0x15000, 0x16000, Use::Kernel),
        (0x16000, 0x18000, Use::Usable),
        (0x18000, 0x20000, Use::Reserved),
        (0x20000, 0x29000, Use::Kernel),
        (0x29000, 0x80000, Use::Usable),
    ];
    assert_eq!(regions(&map), kinds);
}

#[test]
fn too_many_regions_never_make_reserved_memory_usable() {
    let mut reports: Vec<Report> = (0..CAPACITY as u64)
        .map(|index| Report {
            start: index * 0x10000 + 0x4000,
            length: 0x1000 + index % 3 * 0x1000,
            purpose: Use::Reserved,
        })
        .collect();
    reports.push(Report {
        start: 0,
        length: 0x100_0000,
        purpose: Use::Usable,
    });
    let mut map = MemoryMap::new(ALL.0, ALL.1);
    map.take_reports(&reports);
    assert!(map.regions().len() <= CAPACITY);
    for region in map
        .regions()
        .iter()
        .filter(|region| region.purpose == Use::Usable)
    {
        for report in &reports[..CAPACITY] {
            assert!(region.end <= report.start || region.start >= report.start + report.length);
        }
    }
}

#[test]
fn whatever_is_reported_no_frame_is_given_twice() {
    let uses = [
        Use::Usable,
        Use::Usable,
        Use::Usable,
        Use::AcpiReclaimable,
        Use::Reserved,
        Use::BadMemory,
    ];
    let mut generator = Generator::new(31);
    for round in 0..support::rounds(1000) {
        let count = generator.below(1000) + 1;
        let spread = 1 << (20 + generator.below(16));
        let size = 1 << (12 + generator.below(10));
        let reports: Vec<Report> = (0..count)
            .map(|_| Report {
                start: generator.below(spread),
                length: generator.below(size),
                purpose: uses[generator.below(6) as usize],
            })
            .collect();
        let mut map = support::timed(|| {
            let mut map = MemoryMap::new(ALL.0, ALL.1);
            map.take_reports(&reports);
            map
        });
        let mut given: Vec<(u64, u64)> = Vec::new();
        for _ in 0..50 {
            let modulus = 0x1000 << generator.below(4);
            let remainder = generator.below(modulus) & !0xfff;
            let length = generator.below(0x8000) + 1;
            if let Ok(address) = map.allocate(Use::Kernel, length, Placement { modulus, remainder })
            {
                assert_eq!(address % modulus, remainder);
                given.push((address, address + length.next_multiple_of(0x1000)));
            }
        }
        assert!(
            map.regions()
                .windows(2)
                .all(|pair| pair[0].end <= pair[1].start && pair[0].start < pair[0].end),
            "round {round}: the order is lost"
        );
        let mut sorted = given.clone();
        sorted.sort_unstable();
        assert!(
            sorted.windows(2).all(|pair| pair[0].1 <= pair[1].0),
            "round {round}: memory is given twice"
        );
        for report in reports
            .iter()
            .filter(|report| report.purpose != Use::Usable)
        {
            let end = report.start + report.length;
            let is_free = |range: &(u64, u64)| range.1 <= report.start || end <= range.0;
            assert!(
                report.length == 0 || given.iter().all(is_free),
                "round {round}"
            );
        }
    }
}

#[test]
fn a_full_map_goes_on_giving_memory_once() {
    // Of two frames that are usable and no neighbours, none can be joined: as many as the map holds, and then some.
    let reports: Vec<Report> = (0..CAPACITY as u64 + 100)
        .map(|index| Report {
            start: index * 0x4000,
            length: 0x3000,
            purpose: Use::Usable,
        })
        .collect();
    let mut map = MemoryMap::new(ALL.0, ALL.1);
    map.take_reports(&reports);
    let mut given = Vec::new();
    // The middle of each: every allocation would make three regions of one.
    while let Ok(address) = map.allocate(
        Use::PageTable,
        0x1000,
        Placement {
            modulus: 0x4000,
            remainder: 0x1000,
        },
    ) {
        given.push(address);
        assert!(map.regions().len() <= CAPACITY);
    }
    given.sort_unstable();
    let count = given.len();
    given.dedup();
    assert_eq!(given.len(), count);
    assert!(count > CAPACITY / 4, "{count} frames only");
    assert!(
        map.regions()
            .windows(2)
            .all(|pair| pair[0].end <= pair[1].start)
    );
}
