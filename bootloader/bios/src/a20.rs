//! Address line A20: while it is off, the odd megabytes are not there.

use arch_x86_64::port::{inb, outb};
use common::failure::{Failure, Kind};

use crate::thunk::{self, Registers};

const KEYBOARD_DATA: u16 = 0x60;
const KEYBOARD_STATUS: u16 = 0x64;
const KEYBOARD_FULL: u8 = 1 << 1;
const KEYBOARD_HAS_DATA: u8 = 1 << 0;
const SYSTEM_CONTROL: u16 = 0x92;

/// The address of the probe, one megabyte below the address that it shows at while A20 is off.
const PROBE: usize = layout::BOOT_SECTOR_ADDRESS as usize;

/// Turns A20 on by the first way that works.
pub fn enable() -> Result<(), Failure> {
    if is_on() {
        return Ok(());
    }
    // The BIOS's way.
    thunk::call(
        0x15,
        &mut Registers {
            eax: 0x2401,
            ..Registers::default()
        },
    );
    if is_on_after_a_while() || enable_by_ports() {
        Ok(())
    } else {
        Err(Kind::A20.alone())
    }
}

fn enable_by_ports() -> bool {
    keyboard_wait();
    // What the controller holds already is a key's: it would be taken for the answer.
    let mut keys = 0xff;
    while inb(KEYBOARD_STATUS) & KEYBOARD_HAS_DATA != 0 && keys > 0 {
        inb(KEYBOARD_DATA);
        keys -= 1;
    }
    outb(KEYBOARD_STATUS, 0xD0);
    let mut tries = 0xffff;
    while inb(KEYBOARD_STATUS) & KEYBOARD_HAS_DATA == 0 && tries > 0 {
        tries -= 1;
    }
    // With no controller there the output port reads as ones; bit 0 low would reset the machine.
    let output = inb(KEYBOARD_DATA) | 0b11;
    keyboard_wait();
    outb(KEYBOARD_STATUS, 0xD1);
    keyboard_wait();
    outb(KEYBOARD_DATA, output);
    keyboard_wait();
    if is_on_after_a_while() {
        return true;
    }
    // Bit 0 would reset the machine.
    outb(SYSTEM_CONTROL, inb(SYSTEM_CONTROL) & !1 | 1 << 1);
    is_on_after_a_while()
}

/// Waits until the keyboard controller takes a byte, at most 65,535 reads of its port.
fn keyboard_wait() {
    let mut tries = 0xffff;
    while inb(KEYBOARD_STATUS) & KEYBOARD_FULL != 0 && tries > 0 {
        tries -= 1;
    }
}

fn is_on_after_a_while() -> bool {
    (0..1000).any(|_| is_on())
}

/// True when the probe and its double differ, for two values of the probe.
pub fn is_on() -> bool {
    let low = PROBE as *mut u32;
    let high = (PROBE + layout::MIB as usize) as *const u32;
    // SAFETY: the probe is the jump at the head of the boot sector, which has run; both are in the first 2 MiB, which
    // are mapped. Only the low one is written, and it is restored.
    unsafe {
        let value = low.read_volatile();
        if high.read_volatile() != value {
            return true;
        }
        low.write_volatile(!value);
        let differs = high.read_volatile() == value;
        low.write_volatile(value);
        differs
    }
}
