//! Writes Rust.
use std::fmt::Write;

pub fn squares(count: u32) -> String {
    let mut text = format!("pub static SQUARES: [u32; {count}] = [");
    for number in 0..count {
        write!(text, "{}, ", number * number).unwrap();
    }
    text + "];\n"
}
