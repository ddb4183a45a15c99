//! A null pointer read by a function of core, or a jump into nowhere, and a page-fault handler that panics, halts, or
//! loops.

#![no_std]
#![no_main]
#![allow(unexpected_cfgs)] // a test sets one of them

include!("frame.inc");
include!("idt.inc");

core::arch::global_asm!(".global page_fault", "page_fault: cld", "call {handler}", "ud2", handler = sym handler);

unsafe extern "C" {
    fn page_fault();
}

#[inline(never)]
#[expect(clippy::empty_loop)] // one of the ways to stand
extern "C" fn handler() -> ! {
    if cfg!(panics) {
        panic!("a page fault") // HANDLER
    }
    if cfg!(halts) {
        hello::cpu::halt()
    }
    loop {} // LOOP
}

#[inline(never)]
fn cause() {
    load_idt(14, page_fault);
    if cfg!(jumps) {
        let nowhere: *const () = core::ptr::without_provenance(0x4444_0000);
        // SAFETY: none; that is the fault.
        let function: fn() = unsafe { core::mem::transmute(nowhere) };
        core::hint::black_box(function)(); // FAULT
    }
    let pointer: *const u32 = core::ptr::without_provenance(8);
    // SAFETY: none; that is the fault.
    core::hint::black_box(unsafe { pointer.read_volatile() }); // FAULT
}
