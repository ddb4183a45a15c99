//! The last row of the text screen; what does not fit is cut off.
use core::fmt;
use lazy_static::lazy_static;
use spin::Mutex;
use volatile::Volatile;

const WIDTH: usize = 80;
const ROW: usize = 24;

lazy_static! {
    pub static ref WRITER: Mutex<Writer> = Mutex::new(Writer {
        column: 0,
        row: unsafe { &mut *((0xb8000 + 2 * WIDTH * ROW) as *mut [Volatile<u16>; WIDTH]) },
    });
}

pub struct Writer {
    column: usize,
    row: &'static mut [Volatile<u16>; WIDTH],
}

impl fmt::Write for Writer {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for byte in s.bytes() {
            if byte == b'\n' {
                self.column = 0;
            } else if self.column < WIDTH {
                self.row[self.column].write(0x0e00 | u16::from(byte));
                self.column += 1;
            }
        }
        Ok(())
    }
}

#[macro_export]
macro_rules! println {
    ($($arg:tt)*) => {{
        use core::fmt::Write;
        x86_64::instructions::interrupts::without_interrupts(|| {
            writeln!($crate::vga_buffer::WRITER.lock(), $($arg)*).unwrap();
        });
    }};
}

#[test_case]
fn what_is_printed_stands_on_the_screen() {
    println!("row");
    let writer = WRITER.lock();
    assert_eq!(writer.row[2].read(), 0x0e00 | u16::from(b'w'));
}
