//! Cooperative tasks: one counts the timer's ticks, one reads the keyboard.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(executor::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

use bootloader::{entry_point, BootInfo};
use executor::task::{clock, executor::Executor, keyboard};
use futures_util::StreamExt;

entry_point!(main);

fn main(_: &'static BootInfo) -> ! {
    executor::init();
    #[cfg(test)]
    test_main();

    let mut executor = Executor::new();
    executor.spawn(async {
        let (sum, ticks) = futures_util::join!(async { 40 + 2 }, clock::wait(3));
        log::info!("{sum} after {ticks} ticks");
    });
    executor.spawn(async {
        let mut keys = keyboard::Keys::new();
        while let Some(key) = keys.next().await {
            log::info!("key {key:?}");
        }
    });
    executor.run()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    executor::testing::panicked(info)
}
