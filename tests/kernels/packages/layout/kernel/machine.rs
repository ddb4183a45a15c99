//! Serial port, exit, and the symbols of the linker script.
use core::arch::asm;
use core::fmt;

#[cfg(board = "pc")]
pub const BOARD: &str = "pc";
#[cfg(not(board = "pc"))]
pub const BOARD: &str = "none";

pub struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: COM1's data.
            unsafe { asm!("out dx, al", in("dx") 0x3f8, in("al") byte) };
        }
        Ok(())
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

/// The text that the linker put between its two symbols.
pub fn banner() -> &'static str {
    // SAFETY: the script sets both about the section.
    let bytes = unsafe {
        let (start, end) = (
            &raw const address::banner_start,
            &raw const address::banner_end,
        );
        core::slice::from_raw_parts(start, end as usize - start as usize)
    };
    core::str::from_utf8(bytes).unwrap()
}

pub mod address {
    //! What the script calls by name.
    pub const BASE: usize = 0xffff_ffff_8800_0000;

    extern "C" {
        pub static banner_start: u8;
        pub static banner_end: u8;
        static kernel_end: u8;
        static KERNEL_BASE: u8;
    }

    pub fn start() -> usize {
        &raw const KERNEL_BASE as usize
    }

    pub fn end() -> usize {
        &raw const kernel_end as usize
    }
}

#[allow(dead_code)]
pub trait Case {
    fn run(&self);
}

impl<T: Fn()> Case for T {
    fn run(&self) {
        use fmt::Write;
        write!(Serial, "{}... ", core::any::type_name::<T>()).unwrap();
        self();
        writeln!(Serial, "[ok]").unwrap();
    }
}
