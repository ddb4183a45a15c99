//! The machine: ports, the serial port and, with the feature screen, the text screen.
#![no_std]

use core::arch::asm;
use core::fmt::{Arguments, Write};

/// Tells whether this crate was built for a machine with a text screen.
pub const SCREEN: bool = cfg!(feature = "screen");

/// Writes a byte to a port.
///
/// # Safety
/// What the port does is the caller's affair.
pub unsafe fn out(port: u16, byte: u8) {
    asm!("out dx, al", in("dx") port, in("al") byte);
}

#[cfg(feature = "serial")]
pub fn print(arguments: Arguments) {
    struct Port;
    impl Write for Port {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            // SAFETY: COM1's data; QEMU's port takes a byte at any time.
            text.bytes().for_each(|byte| unsafe { out(0x3f8, byte) });
            Ok(())
        }
    }
    let _ = Port.write_fmt(arguments);
}

#[cfg(feature = "screen")]
pub fn show(text: &str) {
    for (column, byte) in text.bytes().take(80).enumerate() {
        // SAFETY: the first row of the text screen.
        let cell = unsafe { &mut *(0xb8000 as *mut u16).add(column) };
        volatile::Volatile::new(cell).write(0x0f00 | u16::from(byte));
    }
}

pub fn exit(code: u32) -> ! {
    // SAFETY: isa-debug-exit.
    unsafe { asm!("out dx, eax", in("dx") 0xf4, in("eax") code) };
    halt()
}

pub fn halt() -> ! {
    loop {
        // SAFETY: stops the processor.
        unsafe { asm!("cli; hlt") };
    }
}

#[cfg(test)]
mod tests {
    // For the builder, and `cargo test` in this directory.
    #[test]
    fn there_is_no_screen_unless_somebody_asks() {
        assert_eq!(super::SCREEN, cfg!(feature = "screen"));
    }
}
