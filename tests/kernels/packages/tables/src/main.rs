//! Lists the processors of a machine whose firmware is played here.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(run)]
#![reexport_test_harness_main = "test_main"]

use acpi::madt::{Madt, MadtEntry};
use acpi_tables::{Firmware, exit, print};

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    #[cfg(test)]
    test_main();
    let firmware = Firmware::new(&[0, 2, 4]);
    let tables = firmware.tables();
    for header in tables.headers() {
        print(format_args!(
            "{} of {} bytes\n",
            header.signature, header.length as usize
        ));
    }
    let madt = tables.find_table::<Madt>().unwrap();
    for entry in madt.get().entries() {
        match entry {
            MadtEntry::LocalApic(entry) => {
                let (id, on) = (entry.apic_id, entry.flags & 1 == 1);
                print(format_args!(
                    "processor {id}{}\n",
                    if on { "" } else { ", off" }
                ));
            }
            MadtEntry::IoApic(entry) => {
                let address = entry.io_apic_address;
                print(format_args!("I/O APIC at {address:#x}\n"));
            }
            other => panic!("nobody wrote {other:?}"),
        }
    }
    acpi_tables::halt()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    print(format_args!("[failed]\n{info}\n"));
    exit(0x11)
}

#[allow(dead_code)]
fn run(tests: &[&dyn Fn()]) {
    print(format_args!("running {} tests\n", tests.len()));
    tests.iter().for_each(|test| test());
    exit(0x10)
}

#[test_case]
fn the_header_is_read() {
    print(format_args!("tables::the_header_is_read... "));
    let firmware = Firmware::new(&[7]);
    let lengths = firmware
        .tables()
        .headers()
        .map(|header| header.length)
        .sum::<u32>();
    assert_eq!(lengths, 36 + 8 + 8 + 12);
    print(format_args!("[ok]\n"));
}
