//! The VGA's own ROM, read for its font: where no BIOS ran, it is mapped nowhere, so its PCI register is set for a while.
//!
//! Source: PCI Local Bus Specification 3.0, chapter 6.2.5.2 (expansion ROM).

use crate::font::{self, Font};
use crate::pci::{self, COMMAND, COMMAND_BITS, MEMORY_ON, ROM};
use crate::physical;

const ROM_ON: u32 = 1 << 0;
const ROM_ADDRESS: u32 = 0xFFFF_F800;
/// A ROM for a BIOS fits between 0xC0000 and 0xE0000.
const LARGEST: u64 = 0x20000;

/// Gives the font in the ROM of the first VGA on the first bus to `load`, if there is one.
pub fn with_font(load: impl FnOnce(&Font)) {
    let Some(vga) = pci::find_vga() else {
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
