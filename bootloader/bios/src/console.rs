//! Where failures are told: debug console, serial port and screen. Nothing here can fail or hang.

use core::arch::asm;

use common::failure::Failure;

use crate::bios::{self, Registers};
use crate::screen;

const DEBUG_CONSOLE: u16 = layout::DEBUG_CONSOLE_PORT as u16;
const SERIAL: u16 = layout::SERIAL_PORT as u16;

/// Writes a byte to an I/O port.
pub fn outb(port: u16, value: u8) {
    // SAFETY: the ports that the loader writes are the console's, the keyboard controller's and A20's: no memory.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags))
    }
}

/// Reads a byte from an I/O port.
pub fn inb(port: u16) -> u8 {
    let value;
    // SAFETY: as for `outb`.
    unsafe {
        asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags))
    }
    value
}

/// Tells the failure everywhere, waits for a key, and resets the machine.
pub fn fail(failure: &Failure) -> ! {
    tell_ports(failure);
    screen::write(b'\r');
    screen::write(b'\n');
    failure.tell(&mut screen::write);
    bios::call(0x16, &mut Registers::default());
    reset()
}

/// Tells the failure on the debug console and on the serial port: no memory is written.
pub fn tell_ports(failure: &Failure) {
    let has_serial = set_up_serial();
    failure.tell(&mut |byte| {
        outb(DEBUG_CONSOLE, byte);
        if has_serial {
            if byte == b'\n' {
                write_serial(b'\r');
            }
            write_serial(byte);
        }
    });
}

/// Programs the port to 115200 baud, 8n1, and returns whether there is one: its scratch register keeps what it got.
fn set_up_serial() -> bool {
    let registers = [
        (3, 0x80),
        (0, 1),
        (1, 0),
        (3, 3),
        (2, 0xC7),
        (4, 3),
        (7, 0x5A),
    ];
    registers
        .iter()
        .for_each(|&(offset, value)| outb(SERIAL + offset, value));
    inb(SERIAL + 7) == 0x5A
}

fn write_serial(byte: u8) {
    let mut tries = 0xffff;
    while inb(SERIAL + 5) & 1 << 5 == 0 && tries > 0 {
        tries -= 1;
    }
    outb(SERIAL, byte);
}

/// Resets the machine by the chip set, then by the keyboard controller; a machine that knows neither halts.
fn reset() -> ! {
    outb(0xCF9, 0x06);
    outb(0x64, 0xFE);
    halt()
}

/// Halts for good.
pub fn halt() -> ! {
    loop {
        // SAFETY: interrupts are off; only a reset ends this.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) }
    }
}
