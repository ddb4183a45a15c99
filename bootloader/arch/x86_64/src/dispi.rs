//! A linear frame buffer on QEMU's own VGA, by its registers (QEMU, docs/specs/standard-vga): no VGA BIOS has run.

use common::platform::{FrameBuffer, PixelFormat};

use crate::pci::{self, COMMAND, COMMAND_BITS, FIRST_BAR, MEMORY_ON};
use crate::port::{inw, outw};

const INDEX: u16 = 0x1CE;
const DATA: u16 = 0x1CF;

const ID: u16 = 0;
const WIDTH: u16 = 1;
const HEIGHT: u16 = 2;
const BITS_PER_PIXEL: u16 = 3;
const ENABLE: u16 = 4;
/// Of ENABLE: the mode is on, with a linear frame buffer. It is cleared, too.
const ON_AND_LINEAR: u16 = 1 | 1 << 6;

/// The versions that have all of these registers.
const IDS: core::ops::RangeInclusive<u16> = 0xB0C2..=0xB0C5;
const BYTES_PER_PIXEL: u64 = 3;
const BAR_ADDRESS: u32 = 0xFFFF_FFF0;

/// The sizes that are chosen from, smaller ones first; the first is upstream's.
const SIZES: [(u64, u64); 6] = [
    (1280, 720),
    (1280, 1024),
    (1440, 900),
    (1600, 1200),
    (1920, 1080),
    (2560, 1440),
];

/// Sets the first of the sizes that has at least `width` by `height` pixels, or the first of all.
pub fn set(width: u64, height: u64) -> Option<FrameBuffer> {
    if !IDS.contains(&read(ID)) {
        return None;
    }
    let vga = pci::find_vga()?;
    let fits = |size: &&(u64, u64)| size.0 >= width && size.1 >= height;
    let &(width, height) = SIZES.iter().find(fits).unwrap_or(&SIZES[0]);
    if vga.read(FIRST_BAR) & BAR_ADDRESS == 0 {
        vga.write(FIRST_BAR, layout::FRAMEBUFFER_WINDOW_ADDRESS as u32);
    }
    vga.write(COMMAND, vga.read(COMMAND) & COMMAND_BITS | MEMORY_ON);
    let address = u64::from(vga.read(FIRST_BAR) & BAR_ADDRESS);
    write(ENABLE, 0);
    write(WIDTH, width as u16);
    write(HEIGHT, height as u16);
    write(BITS_PER_PIXEL, BYTES_PER_PIXEL as u16 * 8);
    write(ENABLE, ON_AND_LINEAR);
    Some(FrameBuffer {
        address,
        length: width * height * BYTES_PER_PIXEL,
        width,
        height,
        stride: width,
        bytes_per_pixel: BYTES_PER_PIXEL,
        format: PixelFormat::Bgr,
    })
}

/// Whether the adapter has these registers: the VGAs of Bochs and of QEMU, the one with virtio's 3D included.
pub fn is_there() -> bool {
    const IDENTITIES: [u32; 2] = [0x1111_1234, 0x1050_1AF4];
    let is_known = |vga: pci::Device| IDENTITIES.contains(&vga.read(pci::IDENTITY));
    // Asked of PCI first: elsewhere somebody else's registers may be at these ports.
    pci::find_vga().is_some_and(is_known) && IDS.contains(&read(ID))
}

/// Turns the linear frame buffer off: what remains is a VGA.
pub fn turn_off() {
    write(ENABLE, 0);
}

fn read(register: u16) -> u16 {
    outw(INDEX, register);
    inw(DATA)
}

fn write(register: u16, value: u16) {
    outw(INDEX, register);
    outw(DATA, value);
}
