//! The serial port, as the log's end, and the exit.
use core::fmt::Write;
use uart_16550::SerialPort;

pub struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        writeln!(serial(), "[{}] {}", record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

fn serial() -> SerialPort {
    // SAFETY: COM1; there is one thread, and no interrupt.
    let mut port = unsafe { SerialPort::new(0x3f8) };
    port.init();
    port
}

#[allow(dead_code)]
pub fn name(name: &str) {
    write!(serial(), "{name}... ").unwrap();
}

#[allow(dead_code)]
pub fn ok() {
    writeln!(serial(), "[ok]").unwrap();
}

pub fn exit(code: u32) -> ! {
    // SAFETY: isa-debug-exit.
    unsafe { core::arch::asm!("out dx, eax", in("dx") 0xf4, in("eax") code) };
    halt()
}

pub fn halt() -> ! {
    loop {
        // SAFETY: stops the processor.
        unsafe { core::arch::asm!("cli; hlt") };
    }
}
