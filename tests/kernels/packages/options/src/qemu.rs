//! Serial port, exit and runner. Success is a code of its own.
use core::arch::asm;
use core::fmt::{Arguments, Write};

pub const PASSED: u32 = 0x2a;
pub const FAILED: u32 = 0x11;

pub fn say(arguments: Arguments) {
    struct Port;
    impl Write for Port {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            for byte in text.bytes() {
                // SAFETY: COM1's data.
                unsafe { asm!("out dx, al", in("dx") 0x3f8, in("al") byte) };
            }
            Ok(())
        }
    }
    let _ = Port.write_fmt(arguments);
}

pub fn exit(code: u32) -> ! {
    // SAFETY: isa-debug-exit.
    unsafe { asm!("out dx, eax", in("dx") 0xf4, in("eax") code) };
    halt()
}

pub fn halt() -> ! {
    loop {
        // SAFETY: stops the processor.
        unsafe { asm!("cli; hlt") };
    }
}

#[allow(dead_code)]
pub trait Case {
    fn run(&self);
}

impl<T: Fn()> Case for T {
    fn run(&self) {
        say(format_args!("{}... ", core::any::type_name::<T>()));
        self();
        say(format_args!("[ok]\n"));
    }
}

#[allow(dead_code)]
pub fn run(cases: &[&dyn Case]) {
    cases.iter().for_each(|case| case.run());
    exit(PASSED)
}
