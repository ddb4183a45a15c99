//! The serial port as the log's end.
use core::fmt::Write;
use log::{LevelFilter, Log, Metadata, Record};
use spin::{Lazy, Mutex};
use uart_16550::SerialPort;
use x86_64::instructions::interrupts::without_interrupts;

static PORT: Lazy<Mutex<SerialPort>> = Lazy::new(|| {
    // SAFETY: COM1 of a PC.
    let mut port = unsafe { SerialPort::new(0x3f8) };
    port.init();
    Mutex::new(port)
});

struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        print(format_args!("{}: {}\n", record.level(), record.args()));
    }

    fn flush(&self) {}
}

pub fn init() {
    log::set_logger(&Logger).expect("there is no logger yet");
    log::set_max_level(LevelFilter::Info);
}

pub fn print(arguments: core::fmt::Arguments) {
    without_interrupts(|| PORT.lock().write_fmt(arguments).unwrap());
}
