//! A panic whose handler panics itself, until the stack is full.

#![no_std]
#![no_main]

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    cause();
    hello::cpu::halt()
}

#[inline(never)]
fn cause() {
    let number = core::hint::black_box(3);
    assert_eq!(number, 4, "the answer"); // FAULT
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    panic!("again")
}
