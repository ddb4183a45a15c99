//! The screen: text mode 3, cleared, through the BIOS.

use crate::bios::{self, Registers};
use crate::physical;

// The BIOS data area (IBM PC/AT technical reference).
const VIDEO_MODE: u64 = 0x449;
const VIDEO_COLUMNS: u64 = 0x44A;
const VIDEO_PAGE_START: u64 = 0x44E;
const TEXT_MODE_3: u8 = 3;

const BLANK: u64 = 0x0720_0720_0720_0720;
const CELLS_SIZE: usize = 80 * 25 * 2;

/// Leaves text mode 3, its first page shown and blank, the cursor in its corner.
pub fn prepare() {
    // SAFETY: the BIOS data area is mapped, and reading it has no effect.
    let (mode, columns, page) = unsafe {
        (
            physical::read::<u8>(VIDEO_MODE),
            physical::read::<u16>(VIDEO_COLUMNS),
            physical::read::<u16>(VIDEO_PAGE_START),
        )
    };
    // Setting the mode loads a font and takes long, so that it is left out where the BIOS is in it.
    if (mode & 0x7f, columns, page) != (TEXT_MODE_3, 80, 0) {
        bios::call(
            0x10,
            &mut Registers {
                eax: TEXT_MODE_3.into(),
                ..Registers::default()
            },
        );
    }
    for cells in 0..CELLS_SIZE / 8 {
        // SAFETY: this is the text screen's memory; without a screen nobody minds.
        unsafe { ((layout::VGA_TEXT as usize + cells * 8) as *mut u64).write_volatile(BLANK) }
    }
    bios::call(
        0x10,
        &mut Registers {
            eax: 0x0200,
            ..Registers::default()
        },
    );
}

/// Writes a byte at the cursor; a line feed begins a new line.
pub fn write(byte: u8) {
    if byte == b'\n' {
        write(b'\r');
    }
    bios::call(
        0x10,
        &mut Registers {
            eax: 0x0E00 | u32::from(byte),
            ebx: 7,
            ..Registers::default()
        },
    );
}

/// Writes a byte to a cell of the first row, without the BIOS: for when the kernel has the machine.
pub fn write_cell(column: usize, byte: u8) {
    if column < 80 * 25 {
        let cell = (layout::VGA_TEXT as usize + column * 2) as *mut u16;
        // SAFETY: the kernel's tables map the screen's memory as the loader's do.
        unsafe { cell.write_volatile(0x0700 | u16::from(byte)) }
    }
}
