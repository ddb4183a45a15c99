//! The VGA as a BIOS leaves it in text mode 3: 80 by 25 cells of 9 by 16 pixels, its palette, its font, a blank screen.
//!
//! The values are those of IBM's VGA (VGA BIOS parameter table for mode 3, 400 lines), which every VGA BIOS sets.

use crate::port::{inb, outb};

use crate::font::{Font, GLYPH};
use crate::vga_rom;

const MISC: u16 = 0x3C2;
const SEQUENCER: u16 = 0x3C4;
const CRTC: u16 = 0x3D4;
const GRAPHICS: u16 = 0x3CE;
const ATTRIBUTE: u16 = 0x3C0;
const STATUS: u16 = 0x3DA;
const PALETTE_MASK: u16 = 0x3C6;
const PALETTE_INDEX: u16 = 0x3C8;
const PALETTE_DATA: u16 = 0x3C9;

const MISC_MODE_3: u8 = 0x67;
const SEQUENCER_MODE_3: [u8; 5] = [0x03, 0x00, 0x03, 0x00, 0x02];
const CRTC_MODE_3: [u8; 25] = [
    0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0x00, 0x00, 0x00, 0x00,
    0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF,
];
const GRAPHICS_MODE_3: [u8; 9] = [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x0F, 0xFF];
const ATTRIBUTE_MODE_3: [u8; 21] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F,
    0x0C, 0x00, 0x0F, 0x08, 0x00,
];
// Mode 13h: 320 by 200 pixels of a byte each, every line shown twice.
const MISC_MODE_13H: u8 = 0x63;
const SEQUENCER_MODE_13H: [u8; 5] = [0x03, 0x01, 0x0F, 0x00, 0x0E];
const CRTC_MODE_13H: [u8; 25] = [
    0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0x00, 0x41, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x9C, 0x8E, 0x8F, 0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF,
];
const GRAPHICS_MODE_13H: [u8; 9] = [0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0F, 0xFF];
const ATTRIBUTE_MODE_13H: [u8; 21] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F,
    0x41, 0x00, 0x0F, 0x00, 0x00,
];
const CRTC_PROTECT: u8 = 0x11;
const PICTURE_ON: u8 = 0x20;

/// The registers that make plane 2 plain memory at 0xA0000, with what they are in mode 3: index port, register, values.
const FONT_ACCESS: [(u16, u8, u8, u8); 5] = [
    (SEQUENCER, 2, 0x04, SEQUENCER_MODE_3[2]),
    (SEQUENCER, 4, 0x07, SEQUENCER_MODE_3[4]),
    (GRAPHICS, 4, 0x02, GRAPHICS_MODE_3[4]),
    (GRAPHICS, 5, 0x00, GRAPHICS_MODE_3[5]),
    (GRAPHICS, 6, 0x04, GRAPHICS_MODE_3[6]),
];
/// A glyph has 16 lines; the hardware's slots have 32.
const SLOT: u64 = 32;

/// The greys of mode 13h, and the levels of its hues from the lowest to the highest, for each intensity and saturation.
const GREYS: [u8; 16] = [0, 5, 8, 11, 14, 17, 20, 24, 28, 32, 36, 40, 45, 50, 56, 63];
const RAMPS: [[u8; 5]; 9] = [
    [0, 16, 31, 47, 63],
    [31, 39, 47, 55, 63],
    [45, 49, 54, 58, 63],
    [0, 7, 14, 21, 28],
    [14, 17, 21, 24, 28],
    [20, 22, 24, 26, 28],
    [0, 4, 8, 12, 16],
    [8, 10, 12, 14, 16],
    [11, 12, 13, 15, 16],
];
const GRAPHICS_SIZE: u64 = 0x1_0000;

const TEXT_SIZE: u64 = 0x8000;
const BLANK: u64 = 0x0720_0720_0720_0720;

/// Sets the mode. A machine without a VGA does not mind.
pub fn set_text_mode_3() {
    set_registers(
        MISC_MODE_3,
        &SEQUENCER_MODE_3,
        &CRTC_MODE_3,
        &GRAPHICS_MODE_3,
        &ATTRIBUTE_MODE_3,
    );
    set_palette();
    vga_rom::with_font(load_font);
    outb(ATTRIBUTE, PICTURE_ON);
    for offset in (0..TEXT_SIZE).step_by(8) {
        // SAFETY: this is the text screen's memory, and nothing else is there.
        unsafe { ((layout::VGA_TEXT + offset) as *mut u64).write_volatile(BLANK) }
    }
}

/// Sets mode 13h, whose picture is blank.
pub fn set_mode_13h() {
    set_registers(
        MISC_MODE_13H,
        &SEQUENCER_MODE_13H,
        &CRTC_MODE_13H,
        &GRAPHICS_MODE_13H,
        &ATTRIBUTE_MODE_13H,
    );
    set_palette_of_256();
    outb(ATTRIBUTE, PICTURE_ON);
    for offset in (0..GRAPHICS_SIZE).step_by(8) {
        // SAFETY: this is the VGA's memory, and nothing else is there.
        unsafe { ((layout::VGA_START + offset) as *mut u64).write_volatile(0) }
    }
}

fn set_registers(
    misc: u8,
    sequencer: &[u8; 5],
    crtc: &[u8; 25],
    graphics: &[u8; 9],
    attribute: &[u8; 21],
) {
    outb(MISC, misc);
    set(SEQUENCER, sequencer);
    outb(CRTC, CRTC_PROTECT);
    outb(CRTC + 1, crtc[usize::from(CRTC_PROTECT)] & 0x7F);
    set(CRTC, crtc);
    set(GRAPHICS, graphics);
    // Reading the status makes the next write to this port an index; then index and value take turns.
    let _ = inb(STATUS);
    for (index, &value) in attribute.iter().enumerate() {
        outb(ATTRIBUTE, index as u8);
        outb(ATTRIBUTE, value);
    }
}

/// The 16 colours of text mode, 16 greys, and three intensities by three saturations of a ring of 24 hues each.
fn set_palette_of_256() {
    outb(PALETTE_MASK, 0xFF);
    outb(PALETTE_INDEX, 0);
    let put = |colour: [u8; 3]| colour.into_iter().for_each(|part| outb(PALETTE_DATA, part));
    for colour in 0..16_u8 {
        let bright = if colour & 8 != 0 { 0x15 } else { 0 };
        let part = |bit: u8| if colour & bit != 0 { 0x2A } else { 0 } + bright;
        // Brown, not dark yellow.
        let green = if colour == 6 { 0x15 } else { part(2) };
        put([part(4), green, part(1)]);
    }
    for grey in GREYS {
        put([grey; 3]);
    }
    for ramp in RAMPS {
        // Blue, by way of magenta to red, yellow, green and cyan: one part rises or falls, the others stay.
        for step in 0..24 {
            let level = |phase: usize| match phase % 24 {
                0..=4 => ramp[phase % 24],
                5..=12 => ramp[4],
                13..=16 => ramp[16 - phase % 24],
                _ => ramp[0],
            };
            put([level(step), level(step + 16), level(step + 8)]);
        }
    }
    (248..256).for_each(|_| put([0; 3]));
}

fn set(index: u16, values: &[u8]) {
    for (register, &value) in values.iter().enumerate() {
        outb(index, register as u8);
        outb(index + 1, value);
    }
}

/// The 64 colours of the EGA: two bits for each of red, green and blue; the other 192 are black.
fn set_palette() {
    outb(PALETTE_MASK, 0xFF);
    outb(PALETTE_INDEX, 0);
    for colour in 0..=0xFF_u8 {
        for (strong, weak) in [(4, 0x20), (2, 0x10), (1, 0x08)] {
            let level = if colour & strong != 0 { 0x2A } else { 0 }
                + if colour & weak != 0 { 0x15 } else { 0 };
            outb(PALETTE_DATA, if colour < 64 { level } else { 0 });
        }
    }
}

fn load_font(font: &Font) {
    let select = |to_font: bool| {
        for (index, register, font, text) in FONT_ACCESS {
            outb(index, register);
            outb(index + 1, if to_font { font } else { text });
        }
    };
    select(true);
    for (slot, glyph) in (layout::VGA_START..)
        .step_by(SLOT as usize)
        .zip(font.chunks_exact(GLYPH))
    {
        for (address, &line) in (slot..).zip(glyph) {
            // SAFETY: the VGA's memory, of which this is plane 2 now: 256 slots take 8 KiB.
            unsafe { (address as *mut u8).write_volatile(line) }
        }
    }
    select(false);
}
