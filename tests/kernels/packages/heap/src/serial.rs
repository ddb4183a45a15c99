//! print! and println! on COM1.
use core::fmt::{Arguments, Write};
use spin::{Mutex, Once};
use uart_16550::SerialPort;

static COM1: Once<Mutex<SerialPort>> = Once::new();

pub fn write(arguments: Arguments) {
    let port = COM1.call_once(|| {
        // SAFETY: a PC's first serial port lies there.
        let mut port = unsafe { SerialPort::new(0x3f8) };
        port.init();
        Mutex::new(port)
    });
    port.lock().write_fmt(arguments).unwrap();
}

#[macro_export]
macro_rules! print {
    ($($word:tt)*) => { $crate::serial::write(format_args!($($word)*)) };
}

#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($word:tt)*) => { $crate::print!("{}\n", format_args!($($word)*)) };
}
