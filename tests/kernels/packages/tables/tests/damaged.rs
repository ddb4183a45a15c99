//! A damaged table is refused.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(runner)]
#![reexport_test_harness_main = "test_main"]

use acpi::{AcpiError, AcpiTables, rsdp::Rsdp};
use acpi_tables::{AsItIs, Firmware, exit, print};

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    test_main();
    exit(0x11)
}

fn runner(tests: &[&dyn Fn()]) {
    for test in tests {
        test();
        print(format_args!("[ok]\n"));
    }
    exit(0x10)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    print(format_args!("[failed]\n{info}\n"));
    exit(0x11)
}

#[test_case]
fn a_flipped_bit_is_found() {
    print(format_args!("damaged::a_flipped_bit_is_found... "));
    let mut firmware = Firmware::new(&[0, 1]);
    // SAFETY: the tables are there until the end of this function.
    let result = unsafe { AcpiTables::from_rsdp(AsItIs, firmware.damage()) };
    assert!(matches!(result, Err(AcpiError::RsdpInvalidChecksum)));
}

#[test_case]
fn the_rsdp_is_36_bytes() {
    print(format_args!("damaged::the_rsdp_is_36_bytes... "));
    assert_eq!(size_of::<Rsdp>(), 36);
}
