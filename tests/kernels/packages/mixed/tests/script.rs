//! What the build script wrote reaches a program of tests: its environment, its library.
#![no_std]
#![no_main]

use mixed::{checksum, exit, serial};

#[no_mangle]
extern "C" fn _start() -> ! {
    serial!("script::its_environment_is_here... ");
    assert_eq!(env!("MIXED_BUILT_AT"), mixed::LEVEL);
    serial!("[ok]\nscript::its_library_is_linked... ");
    assert_ne!(checksum(b"a"), checksum(b"b"));
    serial!("[ok]\n");
    exit(0x10)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    mixed::failed(info)
}
