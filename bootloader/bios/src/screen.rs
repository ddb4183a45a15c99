//! The screen: text mode 3, cleared, through the BIOS.

use crate::bios::{self, Registers};

const TEXT_MODE_3: u8 = 3;

/// Leaves text mode 3, its first page shown and blank, the cursor in its corner.
pub fn prepare() {
    // Always: fields of the BIOS's data area do not tell 80 by 50 cells, or a graphics mode of VBE, from mode 3.
    bios::call(
        0x10,
        &mut Registers {
            eax: TEXT_MODE_3.into(),
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
