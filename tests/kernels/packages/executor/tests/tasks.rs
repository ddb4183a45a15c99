//! Tasks in turns, and a task that waits for the timer.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(executor::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

use alloc::{rc::Rc, vec, vec::Vec};
use core::cell::RefCell;
use executor::task::{clock, executor::Executor};
use futures_util::pending;

bootloader::entry_point!(main);

fn main(_: &'static bootloader::BootInfo) -> ! {
    executor::init();
    test_main();
    unreachable!()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    executor::testing::panicked(info)
}

#[test_case]
fn what_is_spawned_runs_in_order() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let mut executor = Executor::new();
    for number in 0..3 {
        let order = order.clone();
        executor.spawn(async move { order.borrow_mut().push(number) });
    }
    executor.finish();
    assert_eq!(*order.borrow(), vec![0, 1, 2]);
}

#[test_case]
fn the_timer_wakes_a_task() {
    let mut executor = Executor::new();
    executor.spawn(async { assert_eq!(clock::wait(2).await, 2) });
    assert_eq!(executor.turn(), 1);
    executor.finish();
}

#[test_case]
fn a_task_that_nobody_wakes_stays() {
    let mut executor = Executor::new();
    executor.spawn(async { pending!() });
    assert_eq!((executor.turn(), executor.turn()), (1, 1));
}
