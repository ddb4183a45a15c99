//! The double fault of a stack overflow is handled on the spare stack.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]

#[path = "../src/machine.rs"]
mod machine;
#[path = "../src/tables.rs"]
mod tables;

use x86_64::structures::idt::InterruptStackFrame;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    tables::load(caught);
    machine::overflow(1);
    panic!("there was room for ever");
}

extern "x86-interrupt" fn caught(_: InterruptStackFrame, _: u64) -> ! {
    say!("stack::the_overflow_is_caught... [ok]");
    machine::exit(0x10)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    say!("stack::the_overflow_is_caught... [failed]\n{info}");
    machine::exit(0x11)
}
