//! One program without a library: overflows its stack, says so, and halts. Its modules hold its tests.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt, custom_test_frameworks)]
#![test_runner(machine::run_tests)]
#![reexport_test_harness_main = "run"]

mod machine;
mod tables;

use core::sync::atomic::{AtomicBool, Ordering};
use x86_64::VirtAddr;
use x86_64::structures::idt::InterruptStackFrame;

static CAUGHT: AtomicBool = AtomicBool::new(false);

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    tables::load(double_fault);
    #[cfg(test)]
    run();
    #[cfg(not(test))]
    machine::overflow(0);
    machine::halt()
}

extern "x86-interrupt" fn double_fault(frame: InterruptStackFrame, code: u64) -> ! {
    CAUGHT.store(true, Ordering::Relaxed);
    let here = VirtAddr::from_ptr(&raw const code);
    let (there, here) = (
        tables::stack_of(frame.stack_pointer),
        tables::stack_of(here),
    );
    say!("double fault {code}: {there} is full, this is {here}");
    machine::halt()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    say!("[failed]\n{info}");
    machine::exit(0x11)
}

#[cfg(test)]
mod tests {
    use super::*;
    use x86_64::structures::paging::{Page, Size4KiB};

    #[test_case]
    fn nothing_was_caught_yet() {
        assert!(!CAUGHT.load(Ordering::Relaxed));
    }

    #[test_case]
    fn an_address_elsewhere_is_of_the_first_stack() {
        assert_eq!(tables::stack_of(VirtAddr::new(0x1000)), "the first stack");
    }

    #[test_case]
    fn pages_are_counted() {
        let first = Page::<Size4KiB>::containing_address(VirtAddr::new(0x1000));
        assert_eq!(Page::range(first, first + 16).count(), 16);
    }
}
