//! A member of a workspace: what it is made of it has from the others.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(ws_kernel::run_tests)]
#![reexport_test_harness_main = "test_main"]

use ws_kernel::{states, Access, State};

#[no_mangle]
extern "C" fn _start() -> ! {
    #[cfg(test)]
    test_main();
    hal::print(format_args!(
        "{} {}: {}, {:?}, screen {}\n",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        states().join_with(", "),
        Access::READ | Access::WRITE,
        hal::SCREEN,
    ));
    hal::print(format_args!("now {}\n", State::Running.name()));
    hal::halt()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    ws_kernel::panicked(info)
}

#[macros::kernel_test]
fn the_version_is_the_workspaces() {
    assert_eq!(env!("CARGO_PKG_VERSION"), "1.4.0");
    assert_eq!(
        env!("CARGO_PKG_AUTHORS"),
        "The Workspace <team@example.org>"
    );
}
