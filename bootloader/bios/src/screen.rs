//! The screen: text mode 3 for the loader, what the kernel wants at the end; all through the BIOS.

use common::failure::Failure;
use common::platform::{FrameBuffer, Screen};

use crate::bios::{self, Registers};
use crate::vbe;

const TEXT_MODE_3: u32 = 0x03;
const MODE_13H: u32 = 0x13;

/// Leaves text mode 3, its first page shown and blank, the cursor in its corner.
pub fn prepare() {
    // Always: fields of the BIOS's data area do not tell 80 by 50 cells, or a graphics mode of VBE, from mode 3.
    set_mode(TEXT_MODE_3);
}

/// Brings the screen, which is in mode 3, to what the kernel wants.
pub fn set(screen: Screen) -> Result<Option<FrameBuffer>, Failure> {
    match screen {
        Screen::Text => Ok(None),
        Screen::Mode13h => {
            set_mode(MODE_13H);
            Ok(None)
        }
        // A kernel without a frame buffer may still run: upstream's field says that there is none.
        Screen::Linear { width, height } => Ok(vbe::set(width, height).ok()),
    }
}

fn set_mode(mode: u32) {
    bios::call(
        0x10,
        &mut Registers {
            eax: mode,
            ..Registers::default()
        },
    );
}
