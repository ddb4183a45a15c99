//! The PC: its text screen, its first serial port, and QEMU's device by which a test leaves the machine.

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};

const SERIAL: u16 = 0x3f8;
const LINE_STATUS: u16 = SERIAL + 5;
const CAN_SEND: u8 = 0x20;
const EXIT: u16 = 0xf4; // isa-debug-exit, which bootwright gives the machine
const PASSED: u8 = 0x10;
const FAILED: u8 = 0x11;

const SCREEN: *mut u16 = 0xb8000 as *mut u16;
const COLUMNS: usize = 80;
const ROWS: usize = 25;
const LIGHT_GREY: u16 = 0x0700;

/// The next cell of the screen.
static CELL: AtomicUsize = AtomicUsize::new(0);

/// There is nothing to turn on: a kernel of this target computes without floating point.
pub fn enable_fpu() {}

/// Writes a byte to the serial port and to the screen.
pub fn put(byte: u8) {
    // SAFETY: these ports are the serial port's, which nothing else uses.
    unsafe {
        while read_port(LINE_STATUS) & CAN_SEND == 0 {}
        write_port(SERIAL, byte);
    }
    show(byte);
}

/// Writes a byte to the screen, which begins at its top again when it is full.
fn show(byte: u8) {
    let cell = CELL.load(Ordering::Relaxed) % (COLUMNS * ROWS);
    if byte == b'\n' {
        CELL.store((cell / COLUMNS + 1) * COLUMNS, Ordering::Relaxed);
        return;
    }
    // SAFETY: the cell lies on the screen, whose memory the loader has mapped to itself.
    unsafe {
        SCREEN
            .add(cell)
            .write_volatile(LIGHT_GREY | u16::from(byte))
    };
    CELL.store(cell + 1, Ordering::Relaxed);
}

/// Leaves the machine with a verdict; 0 is success. Where it has no such device, the kernel rests.
pub fn exit(status: u32) -> ! {
    // SAFETY: the device does nothing but end QEMU.
    unsafe { write_port(EXIT, if status == 0 { PASSED } else { FAILED }) };
    rest()
}

/// Does nothing for ever.
pub fn rest() -> ! {
    loop {
        // SAFETY: it waits for an interrupt, and none is on.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) };
    }
}

unsafe fn read_port(port: u16) -> u8 {
    let byte;
    // SAFETY: the caller knows the port.
    unsafe { asm!("in al, dx", in("dx") port, out("al") byte, options(nomem, nostack)) };
    byte
}

unsafe fn write_port(port: u16, byte: u8) {
    // SAFETY: the caller knows the port.
    unsafe { asm!("out dx, al", in("dx") port, in("al") byte, options(nomem, nostack)) };
}
