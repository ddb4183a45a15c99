//! A function that calls itself without end.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    recurse(0);
}

#[inline(never)]
#[expect(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    // FAULT
    let mut kept = [depth; 16];
    core::hint::black_box(&mut kept);
    recurse(depth + 1) + kept[depth as usize % 16] // FAULT
}
