//! Machines, kernels and settings by lot: from a firmware's reports to a kernel that is ready, no frame is given twice.

#[path = "../../../common/tests/support/mod.rs"]
mod support;

use arch_x86_64::page_table::PageTable;
use common::boot::{self, Kept};
use common::failure::Failure;
use common::file::{Kernel, Placed};
use common::kernel_file::Settings;
use common::memory::{Access, FrameAllocator, Memory, Placement};
use common::memory_map::{MemoryMap, Report, Use};
use common::plan::Mapping;
use common::platform::{FrameBuffer, PixelFormat, Platform};
use support::{FakePlatform, Generator, Header, PT_LOAD, R, W, X, write_elf};

const BASE: u64 = 0x10_0000;
const SIZE: u64 = 0x20_0000;
const PAGE: u64 = 0x1000;
const JUMP: [Mapping; 1] = [Mapping::identity(0x8000, 0x9000, Access::EXECUTE)];
const LOW: [Mapping; 2] = [
    Mapping::identity(0x1000, 0x15000, Access::ALL),
    Mapping::identity(0xA0000, 0xC0000, Access::WRITE),
];

/// Up to 1,000 reports: some of nearly all memory, as firmware has them, and all the others somewhere in it.
fn reports(generator: &mut Generator) -> Vec<Report> {
    let kinds = [
        Use::Usable,
        Use::Usable,
        Use::AcpiReclaimable,
        Use::AcpiNvs,
        Use::Reserved,
        Use::BadMemory,
    ];
    let most = [2, 12, 1000][generator.below(3) as usize];
    let mut reports: Vec<Report> = (0..generator.below(most))
        .map(|_| Report {
            start: generator.below(BASE + SIZE),
            length: generator.of_any_size(14),
            purpose: kinds[generator.below(6) as usize],
        })
        .collect();
    // What lies far above makes the map of physical memory long.
    let far = 1 << (24 + generator.below(14));
    let far = [0, far][generator.below(2) as usize];
    for (start, length, purpose) in [(0, BASE + SIZE, Use::Usable), (far, far, Use::Reserved)] {
        reports.push(Report {
            start,
            length,
            purpose,
        });
    }
    reports
}

/// A program of some segments, static or movable with a few relocations; one in four has bits turned over.
fn file(generator: &mut Generator) -> Vec<u8> {
    let movable = generator.below(2) == 0;
    let start = if movable {
        0
    } else {
        [0x20_0000, 0xffff_ffff_8000_0000][generator.below(2) as usize]
    };
    let text = Header {
        kind: PT_LOAD,
        flags: R | X,
        offset: 0x1000,
        address: start + 0x1000,
        file_size: 0x1000,
        memory_size: 0x1000,
    };
    let data = Header {
        flags: R | W,
        offset: 0x2000,
        address: start + 0x2000 + generator.below(4) * PAGE,
        file_size: 0x1800,
        memory_size: 0x1800 + generator.of_any_size(19),
        ..text
    };
    let part = |kind, size| Header {
        kind,
        file_size: size,
        memory_size: size,
        ..data
    };
    let headers = [text, data, part(2, 0x40), part(0x6474_e552, 0x1000)];
    let count = if movable { 4 } else { 2 };
    let mut file = write_elf(text.address, &headers[..count], 0x4000, 0x77);
    if movable {
        file[16] = 3;
        let mut words = vec![7, data.address + 0x100, 8, 5 * 24, 9, 24, 0, 0];
        words.resize(0x100 / 8, 0);
        for _ in 0..5 {
            words.extend([data.address + 0x800 + generator.below(0x1000), 8, 0x1234]);
        }
        for (index, word) in words.into_iter().enumerate() {
            let at = 0x2000 + index * 8;
            file[at..at + 8].copy_from_slice(&u64::to_le_bytes(word));
        }
    }
    if generator.below(4) == 0 {
        let at = [64 + generator.below(224), 0x2000 + generator.below(0x180)];
        file[at[generator.below(2) as usize] as usize] ^= 1 << generator.below(8);
    }
    file
}

fn settings(generator: &mut Generator) -> Settings {
    let mut settings = Settings::new(1);
    for address in [
        &mut settings.stack_address,
        &mut settings.boot_info_address,
        &mut settings.framebuffer_address,
        &mut settings.physical_memory_offset,
        &mut settings.recursive_address,
        &mut settings.ramdisk_address,
    ] {
        let entry = ((generator.below(512) << 55) as i64 >> 16) as u64;
        *address = (generator.below(4) == 0).then_some(entry);
    }
    settings.handover = 1 + generator.below(2) as u32;
    settings.stack_size = 1 + generator.below(0x10000);
    settings.features = generator.below(layout::FEATURES_ALL + 1);
    settings
}

/// All of a boot that no firmware and no processor is needed for.
fn start(platform: &mut FakePlatform, file: &[u8], settings: Settings) -> Result<u64, Failure> {
    let bytes = file.len() as u64;
    let address = platform.allocate(Use::Kernel, bytes, Placement::ANY)?;
    platform.bytes(address, bytes).copy_from_slice(file);
    let ramdisk = match settings.handover {
        2 => Some(Placed {
            address: platform.allocate(Use::Ramdisk, 0x1234, Placement::ANY)?,
            length: 0x1234,
        }),
        _ => None,
    };
    let kernel = Kernel {
        elf: Placed {
            address,
            length: bytes,
        },
        ramdisk,
        settings,
    };
    let kept = Kept {
        jump: &JUMP,
        low: &LOW,
    };
    let mut space = PageTable::new(platform)?;
    let prepared = boot::prepare(&kernel, file, kept, platform, &mut space)?;
    let FakePlatform { memory, map, .. } = platform;
    prepared.finish(memory, map);
    Ok(space.root)
}

#[test]
fn whatever_a_machine_is_no_frame_is_given_twice() {
    let mut generator = Generator::new(53);
    let mut platform = FakePlatform::new(BASE, SIZE as usize);
    platform.framebuffer = Some(FrameBuffer {
        address: 0xfd00_0000,
        length: 640 * 480 * 4,
        width: 640,
        height: 480,
        stride: 640,
        bytes_per_pixel: 4,
        format: PixelFormat::Bgr,
    });
    let (mut started, mut refused) = (0, 0);
    for round in 0..support::rounds(3000) {
        let reports = reports(&mut generator);
        let (file, settings) = (file(&mut generator), settings(&mut generator));
        let ended = support::timed(|| {
            platform.map = MemoryMap::new(BASE, BASE + SIZE);
            platform.map().take_reports(&reports);
            platform.given.clear();
            start(&mut platform, &file, settings)
        });
        match ended {
            Ok(_) => started += 1,
            Err(_) => refused += 1,
        }
        let mut given: Vec<(u64, u64)> = platform
            .given
            .iter()
            .map(|&(address, length, _)| (address, address + length.next_multiple_of(PAGE)))
            .collect();
        given.sort_unstable();
        assert!(
            given.windows(2).all(|pair| pair[0].1 <= pair[1].0),
            "round {round}: a frame is given twice"
        );
        for report in reports
            .iter()
            .filter(|report| report.purpose != Use::Usable)
        {
            let end = report.start + report.length;
            let is_free = |&(first, last): &(u64, u64)| last <= report.start || end <= first;
            assert!(
                report.length == 0 || given.iter().all(is_free),
                "round {round}: {report:x?} is given"
            );
        }
    }
    assert!(
        started > refused / 10,
        "{started} were started, {refused} refused"
    );
}
