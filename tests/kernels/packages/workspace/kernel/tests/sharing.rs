//! A program of tests that uses the members and the registry's crates alike.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(ws_kernel::run_tests)]
#![reexport_test_harness_main = "test_main"]

use macros::kernel_test;
use ws_kernel::Access;

#[no_mangle]
extern "C" fn _start() -> ! {
    test_main();
    hal::halt()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    ws_kernel::panicked(info)
}

#[kernel_test]
fn all_rights_are_two() {
    assert_eq!(Access::all().iter().count(), 2);
}

#[kernel_test]
fn a_lock_is_taken_and_given_back() {
    let lock = spin::mutex::SpinMutex::<u32>::new(1);
    *lock.lock() += 1;
    assert_eq!(*lock.try_lock().unwrap(), 2);
}
