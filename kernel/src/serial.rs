//! The serial port COM1: a 16550 at 0x3f8, polled. The machine's builder reads what is written here.

use core::fmt::{self, Write};
use core::hint::spin_loop;

use crate::port::Port;
use crate::spin::Mutex;

const BASE: u16 = 0x3f8;

/// A byte that a port without a device behind it answers to every read.
const NOBODY: u8 = 0xff;

/// A 16550, programmed for 115,200 baud, 8 bits, no parity, one stop bit.
pub struct SerialPort {
    ready: bool,
}

/// The one serial port; `serial_println!` goes through it.
pub static SERIAL: Mutex<SerialPort> = Mutex::new(SerialPort { ready: false });

/// A register of the chip.
fn register(offset: u16) -> Port {
    // SAFETY: these eight ports are the chip's own, and nothing but this module uses them.
    unsafe { Port::new(BASE + offset) }
}

impl SerialPort {
    /// Programs the chip; done once, before the first byte.
    fn start(&mut self) {
        register(1).write(0x00); // no interrupts
        register(3).write(0x80); // the next two registers are the divisor
        register(0).write(0x01); // 115,200 / 1
        register(1).write(0x00);
        register(3).write(0x03); // 8 bits, no parity, one stop bit
        register(2).write(0xc7); // FIFO on and empty
        register(4).write(0x03); // ready to send
        self.ready = true;
    }

    /// Sends one byte when there is room for it; without a chip the byte is dropped.
    pub fn write_byte(&mut self, byte: u8) {
        if !self.ready {
            self.start();
        }
        loop {
            let status = register(5).read();
            if status == NOBODY {
                return;
            }
            if status & 0x20 != 0 {
                break;
            }
            spin_loop();
        }
        register(0).write(byte);
    }
}

impl Write for SerialPort {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.write_byte(b'\r');
            }
            self.write_byte(byte);
        }
        Ok(())
    }
}

#[doc(hidden)]
pub fn print(arguments: fmt::Arguments) {
    // The port itself never fails, so only a formatter of the caller's could.
    let _ = SERIAL.lock().write_fmt(arguments);
}

/// Prints on the serial port.
#[macro_export]
macro_rules! serial_print {
    ($($argument:tt)*) => { $crate::serial::print(format_args!($($argument)*)) };
}

/// Prints a line on the serial port.
#[macro_export]
macro_rules! serial_println {
    () => { $crate::serial_print!("\n") };
    ($($argument:tt)*) => { $crate::serial::print(format_args!("{}\n", format_args!($($argument)*))) };
}
