//! A call into a static that holds data.

#![no_std]
#![no_main]

include!("frame.inc");

static mut CODE: [u8; 16] = [0xc3; 16];

#[inline(never)]
fn cause() {
    // SAFETY: none; that is the fault.
    let function: extern "C" fn() = unsafe { core::mem::transmute(&raw mut CODE) };
    core::hint::black_box(function)(); // FAULT
    core::hint::black_box(());
}
