//! Where failures are told: screen, through the BIOS, and wherever no firmware is needed. Nothing here can fail or hang.

use arch_x86_64::console;
use common::failure::Failure;

use crate::bios::{self, Registers};
use crate::screen;

/// Tells the failure everywhere, waits for a key, and resets the machine.
#[unsafe(export_name = "loader_fail")]
pub fn fail(failure: &Failure) -> ! {
    console::tell_ports(failure);
    screen::write(b'\r');
    screen::write(b'\n');
    failure.tell(&mut screen::write);
    bios::call(0x16, &mut Registers::default());
    console::reset()
}
