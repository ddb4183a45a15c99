//! A kernel whose dependencies' dependency is replaced by a directory beside it.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(run_all)]
#![reexport_test_harness_main = "run_tests"]

#[cfg(test)]
use bit_field::BitField;
use bit_field::FORK;
use core::fmt::Write;
use drivers::Serial;
use x86_64::registers::control::{Cr0, Cr0Flags};
#[cfg(test)]
use x86_64::structures::paging::PageTableFlags;
use x86_64::VirtAddr;

#[no_mangle]
pub extern "C" fn _start() -> ! {
    #[cfg(test)]
    run_tests();
    let address = VirtAddr::new(0xffff_8000_0020_1000);
    let (p4, p1) = (u16::from(address.p4_index()), u16::from(address.p1_index()));
    let paging = Cr0::read().contains(Cr0Flags::PAGING);
    writeln!(
        Serial::first(),
        "bits by {FORK}: {p4} {p1}, paging {paging}"
    )
    .unwrap();
    drivers::stop()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Serial::first(), "[failed]\n{info}");
    drivers::exit(false)
}

#[allow(dead_code)]
fn run_all(tests: &[&dyn Fn()]) {
    writeln!(Serial::first(), "running {} tests", tests.len()).unwrap();
    tests.iter().for_each(|test| test());
    drivers::exit(true)
}

/// Prints a test's name, then what came of it.
#[allow(unused_macros)]
macro_rules! test {
    ($(fn $name:ident() $body:block)*) => { $(
        #[test_case]
        fn $name() {
            write!(Serial::first(), "{}::{}... ", module_path!(), stringify!($name)).unwrap();
            $body
            writeln!(Serial::first(), "[ok]").unwrap();
        }
    )* };
}

test! {
    fn bits_are_read() {
        assert_eq!(0xa5_u8.get_bits(4..), 10);
        assert!(0x8000_0000_0000_0000_u64.get_bit(63));
    }

    fn bits_are_written() {
        assert_eq!(*0xff_u32.set_bits(4..8, 3), 0x3f);
    }

    fn the_crate_in_between_has_the_fork() {
        let mut address = 0xfff_u64;
        address.set_bits(0..12, PageTableFlags::PRESENT.bits());
        let index = VirtAddr::new_truncate(address << 12).p1_index();
        assert_eq!(u16::from(index), 1);
    }
}
