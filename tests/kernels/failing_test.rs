//! A program of tests whose second fails by a panic: the third is not reached.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use hello::kernel_test;

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    hello::testing::run()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hello::panic::report(info)
}

mod first {
    hello::kernel_test! {
        fn passes() {}
    }
}

mod second {
    hello::kernel_test! {
        fn fails() {
            hello::println!("it fails soon");
            // Whoever holds the lock of the text screen must not keep the panic from being told.
            let _writer = hello::vga::WRITER.lock();
            let _serial = hello::serial::SERIAL.lock();
            assert_eq!(2 + 2, 5, "arithmetic");
        }
    }
}

kernel_test! {
    fn third() {}
}
