//! The chips that a BIOS programs, and qboot and UEFI do not: interrupt controllers, timer, keyboard controller.
//!
//! They are left as SeaBIOS leaves them; where SeaBIOS ran nothing changes. Sources: Intel's sheets of 8259A, 8254 and
//! 8042, and the Software Developer's Manual, volume 3, for the APIC.

use crate::port::{inb, outb};
use crate::processor;

const PICS: [Pic; 2] = [
    // Unmasked: timer, keyboard, the second controller, and 6.
    Pic {
        port: 0x20,
        vectors: 0x08,
        wiring: 1 << 2,
        mask: 0xB8,
    },
    // Unmasked: clock, 12, 13 and 14.
    Pic {
        port: 0xA0,
        vectors: 0x70,
        wiring: 2,
        mask: 0x8E,
    },
];

/// An 8259A: its first port, the vector of its first line, how the two are wired, and its masked lines.
struct Pic {
    port: u16,
    vectors: u8,
    wiring: u8,
    mask: u8,
}

/// Which lines of the second controller are level-triggered: 10 and 11, PCI's.
const LEVELS: (u16, u8) = (0x4D1, 0x0C);

/// A20 is on already, or this loader would not run; here a BIOS says so as well.
const SYSTEM_CONTROL: u16 = 0x92;
const A20_ON: u8 = 1 << 1;

const TIMER_CHANNEL_0: u16 = 0x40;
const TIMER_CONTROL: u16 = 0x43;
/// Channel 0, low then high byte, mode 2.
const TIMER_MODE: u8 = 0x34;

pub const KEYBOARD_STATUS: u16 = 0x64;
pub const KEYBOARD_HAS_DATA: u8 = 1 << 0;
const KEYBOARD_FULL: u8 = 1 << 1;
const KEYBOARD_DATA: u16 = 0x60;
/// Interrupt on for the keyboard, its codes translated to set 1; the mouse is off.
const KEYBOARD_COMMAND_BYTE: u8 = 0x61;

/// Spurious vector 255 and the APIC on; the PICs' interrupts through LINT0, NMI through LINT1.
const APIC_REGISTERS: [(u64, u32); 3] = [(0xF0, 0x1FF), (0x350, 0x8700), (0x360, 0x8400)];

/// Programs all of them.
pub fn program() {
    for pic in &PICS {
        outb(pic.port, 0x11);
        outb(pic.port + 1, pic.vectors);
        outb(pic.port + 1, pic.wiring);
        outb(pic.port + 1, 1);
        outb(pic.port + 1, pic.mask);
    }
    outb(LEVELS.0, LEVELS.1);
    outb(SYSTEM_CONTROL, A20_ON);
    outb(TIMER_CONTROL, TIMER_MODE);
    // 0 counts from 65,536: 18.2 times a second.
    outb(TIMER_CHANNEL_0, 0);
    outb(TIMER_CHANNEL_0, 0);
    if inb(KEYBOARD_STATUS) != 0xFF {
        program_keyboard();
    }
    if let Some(apic) = processor::find_apic().filter(|&apic| apic < layout::MEMORY_CEILING) {
        for (offset, value) in APIC_REGISTERS {
            // SAFETY: all below 4 GiB is mapped, and the processor says that its APIC is there.
            unsafe { ((apic + offset) as *mut u32).write_volatile(value) }
        }
    }
}

/// Has the controller test itself, which sets its system flag, then turns the keyboard on.
fn program_keyboard() {
    empty_keyboard();
    command(0xAA);
    let _ = answer();
    command(0xAE);
    command(0x60);
    wait_for_room();
    outb(KEYBOARD_DATA, KEYBOARD_COMMAND_BYTE);
    empty_keyboard();
}

fn command(value: u8) {
    wait_for_room();
    outb(KEYBOARD_STATUS, value);
}

fn wait_for_room() {
    let mut tries = 0xffff;
    while inb(KEYBOARD_STATUS) & KEYBOARD_FULL != 0 && tries > 0 {
        tries -= 1;
    }
}

fn answer() -> u8 {
    let mut tries = 0xffff;
    while inb(KEYBOARD_STATUS) & KEYBOARD_HAS_DATA == 0 && tries > 0 {
        tries -= 1;
    }
    inb(KEYBOARD_DATA)
}

/// Throws away what nobody has read; 16 bytes are all that a controller keeps.
fn empty_keyboard() {
    for _ in 0..16 {
        if inb(KEYBOARD_STATUS) & KEYBOARD_HAS_DATA == 0 {
            return;
        }
        let _ = inb(KEYBOARD_DATA);
    }
}
