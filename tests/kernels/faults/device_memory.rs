//! A read of the local APIC, which nobody mapped.

#![no_std]
#![no_main]

include!("frame.inc");

#[inline(never)]
fn cause() {
    let apic = core::hint::black_box(0xfee0_0020_usize as *const u32);
    // SAFETY: none; that is the fault.
    let version = unsafe { apic.read_volatile() }; // FAULT
    core::hint::black_box(version);
}
