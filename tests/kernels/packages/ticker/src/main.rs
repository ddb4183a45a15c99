//! A kernel that counts the ticks of its timer and survives a breakpoint.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(ticker::test_runner)]
#![reexport_test_harness_main = "test_main"]

use bootloader::{entry_point, BootInfo};
use core::panic::PanicInfo;
use ticker::{interrupts, println, serial_println};

entry_point!(kernel_main);

fn kernel_main(boot_info: &'static BootInfo) -> ! {
    ticker::init();

    #[cfg(test)]
    test_main();

    println!("ticker");
    serial_println!("{} memory regions", boot_info.memory_map.iter().count());
    x86_64::instructions::interrupts::int3();
    while interrupts::ticks() < 3 {
        x86_64::instructions::hlt();
    }
    serial_println!(
        "3 ticks later, after {} breakpoint",
        interrupts::breakpoints()
    );
    x86_64::instructions::interrupts::disable();
    ticker::hlt_loop()
}

#[cfg(not(test))]
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    println!("{}", info);
    serial_println!("{}", info);
    ticker::hlt_loop()
}

#[cfg(test)]
#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    ticker::test_panic_handler(info)
}

#[test_case]
fn the_main_program_has_tests_too() {
    assert_eq!(interrupts::breakpoints(), 0);
}
