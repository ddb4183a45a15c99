//! A null pointer read, and a page-fault handler that reads one itself, each time that it is called.

#![no_std]
#![no_main]

include!("frame.inc");
include!("idt.inc");

core::arch::global_asm!(".global page_fault", "page_fault: cld", "call {handler}", "ud2", handler = sym handler);

unsafe extern "C" {
    fn page_fault();
}

#[inline(never)]
extern "C" fn handler() {
    let mut room = [0_u8; 16384]; // so that the stack is full soon
    core::hint::black_box(&mut room);
    let pointer: *const u32 = core::ptr::without_provenance(16);
    // SAFETY: none; that is the second fault, and all that follow.
    core::hint::black_box(unsafe { pointer.read_volatile() }); // AGAIN
}

#[inline(never)]
fn cause() {
    load_idt(14, page_fault);
    let pointer: *const u32 = core::ptr::without_provenance(8);
    // SAFETY: none; that is the fault.
    core::hint::black_box(unsafe { pointer.read_volatile() }); // FAULT
}
