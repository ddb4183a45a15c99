//! Where failures are told without any firmware: debug console, serial port, and the cells of the text screen.

use core::arch::asm;

use common::failure::Failure;

use crate::port::{inb, outb};

const DEBUG_CONSOLE: u16 = layout::DEBUG_CONSOLE_PORT as u16;
const SERIAL: u16 = layout::SERIAL_PORT as u16;

/// Tells the failure on the serial port and on the debug console: no memory is written.
pub fn tell_ports(failure: &Failure) {
    tell_serial(failure);
    // Last: whoever reads it may end the machine.
    tell_debug_console(failure);
}

/// Tells the failure on the debug console.
pub fn tell_debug_console(failure: &Failure) {
    failure.tell(&mut |byte| outb(DEBUG_CONSOLE, byte));
}

/// Tells the failure on the serial port, if there is one.
pub fn tell_serial(failure: &Failure) {
    if !set_up_serial() {
        return;
    }
    failure.tell(&mut |byte| {
        if byte == b'\n' {
            write_serial(b'\r');
        }
        write_serial(byte);
    });
}

/// Tells the failure in the first row of the text screen, and in the next ones as far as it is longer.
pub fn tell_cells(failure: &Failure) {
    let mut cell = layout::VGA_TEXT as *mut u16;
    failure.tell(&mut |byte| {
        // SAFETY: a sentence is shorter than the screen, whose memory every loader's tables map to itself.
        unsafe {
            cell.write_volatile(0x0700 | u16::from(if byte == b'\n' { b' ' } else { byte }));
            cell = cell.add(1);
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

/// Sends at most sixteen bytes to the serial port, if there is one: as many as it takes at once, so nobody waits.
pub fn send_serial(bytes: &[u8]) {
    if set_up_serial() {
        bytes.iter().for_each(|&byte| outb(SERIAL, byte));
    }
}

fn write_serial(byte: u8) {
    let mut tries = 0xffff;
    while inb(SERIAL + 5) & 1 << 5 == 0 && tries > 0 {
        tries -= 1;
    }
    outb(SERIAL, byte);
}

/// Resets the machine by the chip set, then by the keyboard controller; a machine that knows neither halts.
pub fn reset() -> ! {
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
