//! The VGA on the first PCI bus (PCI Local Bus Specification 3.0, chapter 3.2.2.3.2).

use crate::port::{inl, outl};

const ADDRESS: u16 = 0xCF8;
const DATA: u16 = 0xCFC;
const ENABLE: u32 = 1 << 31;

pub const IDENTITY: u32 = 0x00;
pub const COMMAND: u32 = 0x04;
/// The other half of the register is the status, of which writing zeroes changes nothing.
pub const COMMAND_BITS: u32 = 0xFFFF;
const CLASS: u32 = 0x08;
pub const FIRST_BAR: u32 = 0x10;
pub const ROM: u32 = 0x30;

const NOBODY: u32 = 0xFFFF_FFFF;
/// Base class 03, subclass 00: a VGA.
const VGA_CLASS: u32 = 0x0300;
pub const MEMORY_ON: u32 = 1 << 1;

/// A function of a device on the first bus: slot and function as the address has them.
#[derive(Clone, Copy)]
pub struct Device(u32);

impl Device {
    pub fn read(self, register: u32) -> u32 {
        outl(ADDRESS, ENABLE | self.0 << 8 | register);
        inl(DATA)
    }

    pub fn write(self, register: u32, value: u32) {
        outl(ADDRESS, ENABLE | self.0 << 8 | register);
        outl(DATA, value);
    }
}

/// Finds the first VGA.
pub fn find_vga() -> Option<Device> {
    let is_vga =
        |&device: &Device| device.read(IDENTITY) != NOBODY && device.read(CLASS) >> 16 == VGA_CLASS;
    (0..32).map(|slot| Device(slot << 3)).find(is_vga)
}
