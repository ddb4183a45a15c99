//! A runner of tests, and how the machine is left.
use crate::serial::print;
use core::panic::PanicInfo;
use x86_64::instructions::{hlt, port::PortWriteOnly};

pub fn run(tests: &[&dyn Fn()]) {
    // A name is not known of a function behind a pointer: the count is told, and the verdict.
    print(format_args!("running {} tests\n", tests.len()));
    for test in tests {
        test();
        print(format_args!("."));
    }
    print(format_args!(" all passed\n"));
    exit(0x10)
}

pub fn exit(code: u32) -> ! {
    // SAFETY: isa-debug-exit, where there is one.
    unsafe { PortWriteOnly::new(0xf4).write(code) };
    loop {
        hlt();
    }
}

pub fn panicked(info: &PanicInfo) -> ! {
    print(format_args!("[failed]\n{info}\n"));
    exit(0x11)
}
