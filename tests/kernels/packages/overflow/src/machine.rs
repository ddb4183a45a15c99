//! What the program and its tests share: the serial port, the exit, a runner, and a function without an end.
use uart_16550::SerialPort;

/// Prints a line on the serial port.
#[macro_export]
macro_rules! say {
    ($($word:tt)*) => {{
        use core::fmt::Write;
        writeln!($crate::machine::serial(), $($word)*).unwrap();
    }};
}

pub fn serial() -> SerialPort {
    // SAFETY: COM1, which is set anew each time: nothing else uses it.
    let mut port = unsafe { SerialPort::new(0x3f8) };
    port.init();
    port
}

pub fn exit(code: u32) -> ! {
    // SAFETY: isa-debug-exit.
    unsafe { x86_64::instructions::port::PortWriteOnly::new(0xf4).write(code) };
    halt()
}

pub fn halt() -> ! {
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
}

#[allow(dead_code, unconditional_recursion)]
pub fn overflow(depth: u64) -> u64 {
    core::hint::black_box(overflow(depth + 1)) + depth
}

#[allow(dead_code)]
pub fn run_tests(tests: &[&dyn NamedTest]) {
    for test in tests {
        test.run();
    }
    exit(0x10)
}

#[allow(dead_code)]
pub trait NamedTest {
    fn run(&self);
}

impl<T: Fn()> NamedTest for T {
    fn run(&self) {
        use core::fmt::Write;
        write!(serial(), "{}... ", core::any::type_name::<T>()).unwrap();
        self();
        say!("[ok]");
    }
}
