//! What the tests of handovers share: a program, the facts of a machine, and the plan that a protocol makes of them.
#![allow(dead_code, reason = "each test program uses its part")]

use super::{Header, PT_LOAD, R, W, X, write_elf};
use common::boot::{Facts, Kept};
use common::elf::Image;
use common::failure::Failure;
use common::file::Placed;
use common::handover::{Protocol, Ready};
use common::kernel_file::Settings;
use common::memory::Access;
use common::plan::{Mapping, Plan};
use common::platform::FrameBuffer;

const JUMP: [Mapping; 1] = [Mapping::identity(0x8000, 0x9000, Access::EXECUTE)];
const LOW: [Mapping; 2] = [
    Mapping::identity(0x1000, 0x15000, Access::ALL),
    Mapping::identity(0xA0000, 0xC0000, Access::WRITE),
];
const MEMORY_END: u64 = 0x800_0000;

/// A program whose text is at `address`, with a .bss of `size` bytes at `bss`.
pub fn program(address: u64, bss: u64, size: u64) -> Image {
    let text = Header {
        kind: PT_LOAD,
        flags: R | X,
        offset: 0x1000,
        address,
        file_size: 0x1000,
        memory_size: 0x1000,
    };
    let data = Header {
        kind: PT_LOAD,
        flags: R | W,
        offset: 0,
        address: bss,
        file_size: 0,
        memory_size: size,
    };
    let tls = Header {
        kind: 7,
        flags: R,
        offset: 0x1000,
        address,
        file_size: 0x10,
        memory_size: 0x30,
    };
    Image::parse(&write_elf(address, &[text, data, tls], 0x2000, 0)).unwrap()
}

pub fn plan_all(
    image: &Image,
    settings: Settings,
    framebuffer: Option<FrameBuffer>,
    ramdisk: Option<Placed>,
) -> Result<(Plan, Image, Ready), Failure> {
    let protocol = Protocol::find(settings.handover)?;
    let facts = Facts {
        settings: &settings,
        kept: Kept {
            jump: &JUMP,
            low: &LOW,
        },
        framebuffer,
        rsdp: Some(0xF_5A10),
        ramdisk,
        elf: Placed {
            address: 0x20_0000,
            length: 0x2000,
        },
        file: &[],
        memory_end: MEMORY_END,
        region_count: 8,
        is_uefi: false,
        seed: 0x1234_5678_9ABC_DEF0,
    };
    let (plan, image, ready) = protocol.plan(image.clone(), &facts)?;
    plan.check(&image)?;
    Ok((plan, image, ready))
}

pub fn number(page: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(page[offset..offset + 8].try_into().unwrap())
}
