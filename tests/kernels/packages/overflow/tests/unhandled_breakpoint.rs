//! A breakpoint for which there is no gate is a double fault.
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
    x86_64::instructions::interrupts::int3();
    panic!("the breakpoint had a gate");
}

extern "x86-interrupt" fn caught(_: InterruptStackFrame, _: u64) -> ! {
    say!("unhandled::a_breakpoint_without_a_gate... [ok]");
    machine::exit(0x10)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    say!("unhandled::a_breakpoint_without_a_gate... [failed]\n{info}");
    machine::exit(0x11)
}
