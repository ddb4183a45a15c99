//! A freestanding program for a host: it formats a number, copies 4 KiB, and ends with status 42 if both came out right.

#![no_std]
#![no_main]

use core::fmt::{self, Write};
use core::hint::black_box;
use core::panic::PanicInfo;

/// Defines the entry: its symbol, then its instructions, in which `{work}` returns the status.
///
/// It is assembly, since no entry is called as a function is: Linux and macOS jump to it with the arguments on the
/// stack, which is aligned as *inside* no function; Windows calls it and takes what it returns as the status of the
/// program, so that it must come back to its caller.
macro_rules! entry {
    ($symbol:literal, $($instruction:literal),+) => {
        core::arch::global_asm!(
            concat!(".globl ", $symbol, "\n", $symbol, ":"),
            $($instruction,)+
            work = sym work,
        );
    };
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
entry!(
    "_start",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {work}",
    "mov edi, eax",
    "mov eax, 60 # exit",
    "syscall"
);

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
entry!("_start", "bl {work}", "mov w8, 93 // exit", "svc 0");

// 32 bytes that the callee may use, and 8 that align.
#[cfg(all(target_os = "windows", target_arch = "x86_64"))]
entry!("_start", "sub rsp, 40", "call {work}", "add rsp, 40", "ret");

#[cfg(all(target_os = "windows", target_arch = "aarch64"))]
entry!(
    "_start",
    "stp x29, x30, [sp, -16]!",
    "bl {work}",
    "ldp x29, x30, [sp], 16",
    "ret"
);

// exit is call 1, on x86-64 of the Unix class, which is 2.
#[cfg(all(target_os = "macos", target_arch = "x86_64"))]
entry!(
    "__start",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {work}",
    "mov edi, eax",
    "mov eax, 0x2000001",
    "syscall"
);

#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
entry!("__start", "bl {work}", "mov x16, 1", "svc 0x80");

const RIGHT: u32 = 42;
const WRONG_NUMBER: u32 = 1;
const WRONG_COPY: u32 = 2;

const LENGTH: usize = 4096;
static SOURCE: [u8; LENGTH] = pattern();

/// Bytes of which no two neighbours, and no two pages' worth at the same place, are alike.
const fn pattern() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let mut i = 0;
    while i < LENGTH {
        bytes[i] = (i % 251) as u8;
        i += 1;
    }
    bytes
}

/// Text of at most 16 bytes.
struct Text {
    bytes: [u8; 16],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Does the work and returns the status. The optimiser must not see the numbers, or it would do the work itself.
extern "C" fn work() -> u32 {
    let mut text = Text {
        bytes: [0; 16],
        length: 0,
    };
    let number = black_box(0.5_f64) * black_box(85.0_f64);
    if write!(text, "{number} {:#x}", black_box(RIGHT)).is_err()
        || &text.bytes[..text.length] != b"42.5 0x2a"
    {
        return WRONG_NUMBER;
    }
    let mut copy = [0; LENGTH];
    let length = black_box(LENGTH);
    copy[..length].copy_from_slice(&SOURCE[..length]);
    if black_box(&copy) != &SOURCE {
        return WRONG_COPY;
    }
    RIGHT
}

/// Ends nothing, since that takes other words on each host: whoever runs the program gives it a time-out.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
