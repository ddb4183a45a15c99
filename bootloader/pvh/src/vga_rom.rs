//! The VGA's own ROM, read for its font: where no BIOS ran, it is mapped nowhere, so its PCI register is set for a while.
//!
//! Source: PCI Local Bus Specification 3.0, chapters 3.2.2.3.2 (configuration access) and 6.2.5.2 (expansion ROM).

use arch_x86_64::physical;
use arch_x86_64::port::{inl, outl};

use crate::font::{self, Font};

const ADDRESS: u16 = 0xCF8;
const DATA: u16 = 0xCFC;
const ENABLE: u32 = 1 << 31;

const IDENTITY: u32 = 0x00;
const COMMAND: u32 = 0x04;
/// The other half of the register is the status, of which writing zeroes changes nothing.
const COMMAND_BITS: u32 = 0xFFFF;
const CLASS: u32 = 0x08;
const ROM: u32 = 0x30;

const NOBODY: u32 = 0xFFFF_FFFF;
/// Base class 03, subclass 00: a VGA.
const VGA_CLASS: u32 = 0x0300;
const MEMORY_ON: u32 = 1 << 1;
const ROM_ON: u32 = 1 << 0;
const ROM_ADDRESS: u32 = 0xFFFF_F800;
/// A ROM for a BIOS fits between 0xC0000 and 0xE0000.
const LARGEST: u64 = 0x20000;

/// A function of a device on the first bus: slot and function as the address has them.
#[derive(Clone, Copy)]
struct Device(u32);

impl Device {
    fn read(self, register: u32) -> u32 {
        outl(ADDRESS, ENABLE | self.0 << 8 | register);
        inl(DATA)
    }

    fn write(self, register: u32, value: u32) {
        outl(ADDRESS, ENABLE | self.0 << 8 | register);
        outl(DATA, value);
    }
}

/// Gives the font in the ROM of the first VGA on the first bus to `load`, if there is one.
pub fn with_font(load: impl FnOnce(&Font)) {
    let is_vga =
        |&device: &Device| device.read(IDENTITY) != NOBODY && device.read(CLASS) >> 16 == VGA_CLASS;
    let Some(vga) = (0..32).map(|slot| Device(slot << 3)).find(is_vga) else {
        return;
    };
    let (command, rom) = (vga.read(COMMAND) & COMMAND_BITS, vga.read(ROM));
    vga.write(ROM, ROM_ADDRESS);
    let size = u64::from((vga.read(ROM) & ROM_ADDRESS).wrapping_neg());
    vga.write(ROM, layout::ROM_WINDOW_ADDRESS as u32 | ROM_ON);
    vga.write(COMMAND, command | MEMORY_ON);
    // SAFETY: layout.py keeps the window, which is mapped, for this ROM alone, and it stays there as long as the slice.
    let window: &[u8] =
        unsafe { physical::slice_mut(layout::ROM_WINDOW_ADDRESS, size.min(LARGEST)) };
    if let Some(font) = font::find(window) {
        load(font);
    }
    vga.write(COMMAND, command);
    vga.write(ROM, rom);
}
