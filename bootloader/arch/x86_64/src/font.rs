//! Finding the 8 by 16 font in a VGA BIOS without running it, by those glyphs of code page 437 that nobody draws freely.

/// Lines of a glyph.
pub const GLYPH: usize = 16;
const GLYPHS: usize = 256;

/// 256 glyphs, a byte a line, the leftmost pixel in the highest bit.
pub type Font = [u8; GLYPHS * GLYPH];

/// Characters that are one byte repeated: blank, space, full block, left half, right half, no-break space.
const UNIFORM: [(usize, u8); 6] = [
    (0xDB, 0xFF),
    (0xDD, 0xF0),
    (0xDE, 0x0F),
    (0x20, 0x00),
    (0x00, 0x00),
    (0xFF, 0x00),
];
/// The lower and the upper half block: where they change and to what may differ, but not that they are complements.
const LOWER_HALF: usize = 0xDC;
const UPPER_HALF: usize = 0xDF;

/// Returns the font in `rom`, if there is one.
pub fn find(rom: &[u8]) -> Option<&Font> {
    // A ROM is long, and slow to read: wherever the full block lies, one of its lines is at a multiple of their number.
    let full_block = UNIFORM[0].0 * GLYPH;
    let lines = rom.get(full_block..)?;
    (0..lines.len()).step_by(GLYPH).find_map(|line| {
        if lines[line] != UNIFORM[0].1 {
            return None;
        }
        (line.saturating_sub(GLYPH - 1)..=line).find_map(|start| {
            let font: &Font = rom.get(start..)?.first_chunk()?;
            is_font(font).then_some(font)
        })
    })
}

fn is_font(font: &Font) -> bool {
    let glyph = |character: usize| &font[character * GLYPH..][..GLYPH];
    let mut halves = glyph(LOWER_HALF).iter().zip(glyph(UPPER_HALF));
    UNIFORM
        .iter()
        .all(|&(character, line)| glyph(character).iter().all(|&byte| byte == line))
        && halves.all(|(lower, upper)| *lower == !upper)
        && glyph(b'A'.into()).iter().any(|&line| line != 0)
}
