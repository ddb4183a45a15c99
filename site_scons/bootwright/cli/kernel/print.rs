//! Printing: `println!` writes to what the machine shows of a kernel.

use core::fmt::{self, Write};

use crate::board;

/// Whatever the machine shows.
pub struct Output;

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(board::put);
        Ok(())
    }
}

/// Prints.
#[macro_export]
macro_rules! print {
    ($($words:tt)*) => {
        _ = core::fmt::Write::write_fmt(&mut $crate::print::Output, format_args!($($words)*))
    };
}

/// Prints a line.
#[macro_export]
macro_rules! println {
    ($($words:tt)*) => { $crate::print!("{}\n", format_args!($($words)*)) };
}
