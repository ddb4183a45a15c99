//! Exceptions in the loader: a sentence instead of a reset.

use core::arch::global_asm;

use common::failure::Kind;

use crate::{bios, console};

/// The vectors for which the processor pushes an error code before the return address.
const WITH_ERROR_CODE: u32 = {
    let (mut bits, mut index) = (0, 0);
    let vectors = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];
    while index < vectors.len() {
        bits |= 1 << vectors[index];
        index += 1;
    }
    bits
};

global_asm!(
    include_str!("exceptions.s"),
    CODE_64 = const bios::CODE_64,
    EXCEPTION = sym exception,
);

/// Called by the stubs with what is on the stack: the vector, an error code for some, and rip.
extern "sysv64" fn exception(frame: *const [u64; 3]) -> ! {
    // SAFETY: the stub gives its own stack pointer, and at least vector, rip and cs are there.
    let [vector, second, third] = unsafe { *frame };
    let rip = if WITH_ERROR_CODE >> (vector & 31) & 1 == 1 {
        third
    } else {
        second
    };
    console::fail(&Kind::Exception.with(vector, rip))
}
