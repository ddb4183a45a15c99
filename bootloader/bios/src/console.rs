//! Where failures are told: screen, through the BIOS, and wherever no firmware is needed. Nothing here can fail or hang.

use arch_x86_64::{console, physical};
use common::failure::Failure;

use crate::bios::{self, Registers};
use crate::screen;

// The buffer of keys in the BIOS's data area (IBM PC/AT technical reference): what is next, and behind the last.
const KEYS_HEAD: u64 = 0x41A;
const KEYS_TAIL: u64 = 0x41C;

/// Tells the failure everywhere, waits for a key, and resets the machine.
#[unsafe(export_name = "loader_fail")]
pub fn fail(failure: &Failure) -> ! {
    console::tell_ports(failure);
    // The kernel's screen may be set already, in which letters are hard to read or do not show.
    screen::leave_graphics();
    screen::write(b'\r');
    screen::write(b'\n');
    failure.tell(&mut screen::write);
    forget_keys();
    bios::call(0x16, &mut Registers::default());
    console::reset()
}

/// Empties the BIOS's buffer of keys: one that was pressed before would end the failure's display at once.
fn forget_keys() {
    // SAFETY: the BIOS's data area is mapped; nothing runs that puts keys into the buffer meanwhile.
    unsafe {
        let head = physical::read::<u16>(KEYS_HEAD);
        (KEYS_TAIL as *mut u16).write_volatile(head);
    }
}
