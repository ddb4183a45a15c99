//! The font in a ROM: found wherever it lies, and nothing else is taken for it.

#[path = "../src/font.rs"]
mod font;

use font::{Font, GLYPH, find};

/// Bytes that look like code.
fn rubbish(length: usize) -> Vec<u8> {
    let mut state = 12345_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A font whose glyphs are rubbish but for those that code page 437 leaves no choice in.
fn drawn() -> Font {
    let mut font: Font = rubbish(4096).try_into().unwrap();
    let mut fill = |character: usize, line: fn(usize) -> u8| {
        (0..GLYPH).for_each(|row| font[character * GLYPH + row] = line(row));
    };
    for blank in [0x00, 0x20, 0xFF] {
        fill(blank, |_| 0x00);
    }
    fill(0xDB, |_| 0xFF);
    fill(0xDC, |row| if row < 7 { 0x00 } else { 0xFF });
    fill(0xDD, |_| 0xF0);
    fill(0xDE, |_| 0x0F);
    fill(0xDF, |row| if row < 7 { 0xFF } else { 0x00 });
    font
}

fn rom(before: usize, font: &[u8], after: usize) -> Vec<u8> {
    [rubbish(before), font.to_vec(), rubbish(after)].concat()
}

#[test]
fn it_is_found_at_any_offset() {
    let font = drawn();
    for (before, after) in [(0, 0), (1, 0), (0, 1), (777, 3000), (35_000, 40)] {
        assert_eq!(find(&rom(before, &font, after)), Some(&font), "{before}");
    }
}

#[test]
fn half_a_font_and_no_font_are_none() {
    let font = drawn();
    assert_eq!(find(&rom(100, &font[..4095], 0)), None);
    for nothing in [vec![], vec![0; 9000], vec![0xFF; 9000], rubbish(40_000)] {
        assert_eq!(find(&nothing), None);
    }
}

#[test]
fn one_wrong_line_in_a_glyph_that_is_fixed_is_enough() {
    for character in [0x00, 0x20, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xFF] {
        let mut font = drawn();
        font[character * GLYPH + 9] ^= 0x18;
        assert_eq!(find(&rom(64, &font, 64)), None, "{character:#x}");
    }
}

#[test]
fn a_font_without_letters_is_none() {
    let mut font = drawn();
    font[usize::from(b'A') * GLYPH..][..GLYPH].fill(0);
    assert_eq!(find(&font), None);
}
