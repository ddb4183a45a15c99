//! The firmware's memory map (UEFI 2.10, chapter 7.2.3), read into ours descriptor by descriptor: there may be hundreds.

use common::bytes::{u32_at, u64_at};
use common::memory::PAGE;
use common::memory_map::{MemoryMap, Report, Use};

/// Of a descriptor's attributes: ordinary memory, and memory that is kept for somebody.
const WRITE_BACK: u64 = 1 << 3;
const SPECIFIC_PURPOSE: u64 = 1 << 18;

/// What says nothing.
const NOTHING: Report = Report {
    start: 0,
    length: 0,
    purpose: Use::Usable,
};

/// Takes in what the descriptors say, as it is once the services have ended: then theirs and the loader's is free.
pub fn take(map: &mut MemoryMap, descriptors: &[u8], stride: usize) {
    take_as(map, descriptors, stride, &[1, 2, 3, 4, 7]);
}

/// The same as it is while they last: only what nobody has is usable.
pub fn take_free(map: &mut MemoryMap, descriptors: &[u8], stride: usize) {
    take_as(map, descriptors, stride, &[7]);
}

fn take_as(map: &mut MemoryMap, descriptors: &[u8], stride: usize, usable: &[u32]) {
    // The usable ones first: then one that is dropped for want of room cannot become usable again.
    for wanted in [true, false] {
        // Those that go on where the one before ends are taken in together: putting one in goes through all of the map.
        let mut last = NOTHING;
        for descriptor in descriptors.chunks_exact(stride) {
            let report = report_of(descriptor, usable).unwrap_or(NOTHING);
            if (report.purpose == Use::Usable) != wanted {
                continue;
            }
            let end = last.start.saturating_add(last.length);
            if end == report.start && last.purpose == report.purpose {
                last.length = last.length.saturating_add(report.length);
            } else {
                map.take_reports(&[last]);
                last = report;
            }
        }
        map.take_reports(&[last]);
    }
}

/// What one descriptor says; `None` where it is too short to say anything.
fn report_of(descriptor: &[u8], usable: &[u32]) -> Option<Report> {
    let kind = u32_at(descriptor, 0)?;
    let (start, pages) = (u64_at(descriptor, 8)?, u64_at(descriptor, 24)?);
    let attributes = u64_at(descriptor, 32)?;
    let is_ordinary = attributes & (WRITE_BACK | SPECIFIC_PURPOSE) == WRITE_BACK;
    let purpose = match kind {
        9 => Use::AcpiReclaimable,
        10 => Use::AcpiNvs,
        8 => Use::BadMemory,
        kind if is_ordinary && usable.contains(&kind) => Use::Usable,
        _ => Use::Reserved,
    };
    Some(Report {
        start,
        length: pages.saturating_mul(PAGE),
        purpose,
    })
}
