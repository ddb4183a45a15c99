//! Interrupts that are let in while the timer's has the number of a double fault, for which there is a handler.

#![no_std]
#![no_main]

include!("frame.inc");
include!("idt.inc");

core::arch::global_asm!(".global double_fault", "double_fault: cld", "call {handler}", "ud2", handler = sym handler);

unsafe extern "C" {
    fn double_fault();
}

#[inline(never)]
extern "C" fn handler() -> ! {
    panic!("a double fault")
}

#[inline(never)]
fn cause() {
    load_idt(8, double_fault);
    // SAFETY: none; that is the fault.
    unsafe { core::arch::asm!("sti", "2: pause", "jmp 2b") } // FAULT
}
