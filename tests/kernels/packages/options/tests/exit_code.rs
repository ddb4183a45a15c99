//! A program of tests without a harness, whose success is this package's code for it.
#![no_std]
#![no_main]

#[path = "../src/qemu.rs"]
mod qemu;

#[no_mangle]
extern "C" fn _start() -> ! {
    qemu::say(format_args!("exit_code::success_is_85... [ok]\n"));
    qemu::exit(qemu::PASSED)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    qemu::exit(qemu::FAILED)
}
