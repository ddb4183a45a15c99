//! A program of tests is linked by the same script.
#![no_std]
#![no_main]

#[path = "../kernel/machine.rs"]
#[allow(dead_code)]
mod machine;

use core::fmt::Write;
use machine::{address, Serial};

#[link_section = ".banner"]
#[used]
static BANNER: [u8; 4] = *b"test";

#[no_mangle]
extern "C" fn start_here() -> ! {
    write!(Serial, "addresses::the_script_linked_this... ").unwrap();
    assert_eq!(address::start(), address::BASE);
    assert!(address::end() > address::BASE);
    assert_eq!(machine::banner(), "test");
    writeln!(Serial, "[ok]").unwrap();
    machine::exit(0x10)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Serial, "[failed]\n{info}");
    machine::exit(0x11)
}
