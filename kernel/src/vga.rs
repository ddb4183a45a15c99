//! The VGA text screen: 25 rows of 80 cells at 0xb8000, two bytes a cell, character then colour.

use core::fmt::{self, Write};

use crate::spin::Mutex;

pub const ROWS: usize = 25;
pub const COLUMNS: usize = 80;

/// The 16 colours of the text screen; only the first eight serve as a background everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Colour {
    Black = 0,
    Blue = 1,
    Green = 2,
    Cyan = 3,
    Red = 4,
    Magenta = 5,
    Brown = 6,
    LightGray = 7,
    DarkGray = 8,
    LightBlue = 9,
    LightGreen = 10,
    LightCyan = 11,
    LightRed = 12,
    Pink = 13,
    Yellow = 14,
    White = 15,
}

/// One cell of the screen, as the hardware has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Cell {
    pub character: u8,
    pub colour: u8,
}

/// Writes text downwards from the top row, and scrolls when the last row is full.
pub struct Writer {
    row: usize,
    column: usize,
    colour: u8,
    cells: *mut Cell,
}

// SAFETY: the pointer names memory of the machine, which every processor sees at the same place.
unsafe impl Send for Writer {}

/// The one writer of the screen; `println!` goes through it.
pub static WRITER: Mutex<Writer> = Mutex::new(Writer {
    row: 0,
    column: 0,
    colour: colours(Colour::LightGreen, Colour::Black),
    cells: 0xb8000 as *mut Cell,
});

const fn colours(foreground: Colour, background: Colour) -> u8 {
    (background as u8) << 4 | foreground as u8
}

impl Writer {
    /// Writes one byte of code page 437; a newline ends the row.
    pub fn write_byte(&mut self, byte: u8) {
        if byte == b'\n' {
            self.new_line();
            return;
        }
        if self.column == COLUMNS {
            self.new_line();
        }
        self.set(
            self.row,
            self.column,
            Cell {
                character: byte,
                colour: self.colour,
            },
        );
        self.column += 1;
    }

    /// What text is written in from now on.
    pub fn set_colour(&mut self, foreground: Colour, background: Colour) {
        self.colour = colours(foreground, background);
    }

    /// The row that the next character goes to, unless it ends the row before.
    #[must_use]
    pub fn row(&self) -> usize {
        self.row
    }

    /// What the screen shows at row and column.
    ///
    /// # Panics
    /// Where there is no such cell.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Cell {
        assert!(row < ROWS && column < COLUMNS, "no cell {row}, {column}");
        // SAFETY: the cell is on the screen. Volatile, because the compiler must not think that nobody else looks.
        unsafe { self.cells.add(row * COLUMNS + column).read_volatile() }
    }

    fn set(&mut self, row: usize, column: usize, cell: Cell) {
        assert!(row < ROWS && column < COLUMNS, "no cell {row}, {column}");
        // SAFETY: as above.
        unsafe { self.cells.add(row * COLUMNS + column).write_volatile(cell) }
    }

    fn new_line(&mut self) {
        self.column = 0;
        if self.row + 1 < ROWS {
            self.row += 1;
            return;
        }
        for row in 1..ROWS {
            for column in 0..COLUMNS {
                let cell = self.cell(row, column);
                self.set(row - 1, column, cell);
            }
        }
        for column in 0..COLUMNS {
            self.set(
                ROWS - 1,
                column,
                Cell {
                    character: b' ',
                    colour: self.colour,
                },
            );
        }
    }
}

impl Write for Writer {
    /// Writes text; a character outside printable ASCII becomes a solid square.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                ' '..='~' | '\n' => self.write_byte(character as u8),
                _ => self.write_byte(0xfe),
            }
        }
        Ok(())
    }
}

#[doc(hidden)]
pub fn print(arguments: fmt::Arguments) {
    // The writer itself never fails, so only a formatter of the caller's could.
    let _ = WRITER.lock().write_fmt(arguments);
}

/// Prints on the text screen.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::vga::print(format_args!($($argument)*)) };
}

/// Prints a line on the text screen.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => { $crate::vga::print(format_args!("{}\n", format_args!($($argument)*))) };
}

crate::kernel_test! {
    fn println_puts_its_text_at_0xb8000() {
        println!();
        let row = WRITER.lock().row();
        println!("Some text that fits a row");
        let shown = if row + 1 == ROWS { row - 1 } else { row };
        for (column, byte) in b"Some text that fits a row".iter().enumerate() {
            // SAFETY: the address is of a cell of the screen.
            let character = unsafe { ((0xb8000 + (shown * COLUMNS + column) * 2) as *const u8).read_volatile() };
            assert_eq!(character, *byte, "column {column}");
        }
    }
}

crate::kernel_test! {
    fn a_full_screen_scrolls() {
        for line in 0..2 * ROWS {
            println!("line {line}");
        }
        let writer = WRITER.lock();
        assert_eq!(writer.cell(ROWS - 2, 5).character, b'4');
        assert_eq!(writer.cell(ROWS - 2, 6).character, b'9');
        assert_eq!(writer.cell(ROWS - 1, 0).character, b' ');
    }
}

crate::kernel_test! {
    fn a_long_line_goes_on_in_the_next_row() {
        println!();
        let row = WRITER.lock().row();
        for _ in 0..COLUMNS {
            print!("x");
        }
        assert_eq!(WRITER.lock().row(), row);
        print!("y");
        let writer = WRITER.lock();
        assert_eq!(writer.cell(writer.row(), 0).character, b'y');
    }
}

crate::kernel_test! {
    fn what_is_no_ascii_becomes_a_square() {
        println!();
        print!("ä");
        let writer = WRITER.lock();
        assert_eq!(writer.cell(writer.row(), 0).character, 0xfe);
    }
}
