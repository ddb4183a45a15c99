//! The end of a kernel that cannot go on: it says where and why, on the screen and on the serial port.

use core::panic::PanicInfo;

use crate::vga::{Colour, WRITER};
use crate::{cpu, println, serial, serial_println, testing};

/// Prints the panic's file, line and message, and halts; a running test fails by it and the machine is left.
pub fn report(info: &PanicInfo) -> ! {
    // SAFETY: the panic ended whoever held these locks, and it has no handler to come back from.
    unsafe {
        WRITER.force_unlock();
        serial::SERIAL.force_unlock();
    }
    if testing::is_running() {
        testing::fail(info)
    }
    WRITER.lock().set_colour(Colour::LightRed, Colour::Black);
    println!("{info}");
    serial_println!("{info}");
    cpu::halt()
}

/// Ends a program whose one test should panic: the panic handler's way for it. Any other panic is reported.
pub fn expected(info: &PanicInfo) -> ! {
    if testing::is_running() {
        testing::pass()
    }
    report(info)
}
