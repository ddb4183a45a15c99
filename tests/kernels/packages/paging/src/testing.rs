//! The serial port, and the verdict by isa-debug-exit.
use core::fmt::{self, Write};
use x86_64::instructions::port::Port;

pub struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut port = Port::<u8>::new(0x3f8);
        // SAFETY: the first serial port's data.
        text.bytes().for_each(|byte| unsafe { port.write(byte) });
        Ok(())
    }
}

#[macro_export]
macro_rules! println {
    ($($word:tt)*) => { { use core::fmt::Write; let _ = writeln!($crate::testing::Serial, $($word)*); } };
}

pub fn exit(passed: bool) -> ! {
    // SAFETY: the port is QEMU's isa-debug-exit, or nobody's.
    unsafe { Port::<u32>::new(0xf4).write(if passed { 0x10 } else { 0x11 }) };
    halt()
}

pub fn halt() -> ! {
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
}

/// Runs functions, each with its name.
pub fn run<T>(tests: &[(&str, fn(&mut T))], state: &mut T) -> ! {
    for (name, test) in tests {
        use core::fmt::Write;
        let _ = write!(Serial, "{name}... ");
        test(state);
        println!("[ok]");
    }
    exit(true)
}

pub fn panicked(info: &core::panic::PanicInfo) -> ! {
    println!("[failed]\n{info}");
    exit(false)
}
