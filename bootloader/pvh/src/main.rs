//! The PVH loader: starts a kernel file that QEMU was given as -initrd, with neither disk nor BIOS.
//!
//! What is not about PVH is in the crates `common` and `arch_x86_64`, what a BIOS would have programmed as well.
#![no_std]
#![no_main]

mod entry;
mod kernel;
mod start_info;

use core::convert::Infallible;

use arch_x86_64::machine::Machine;
use arch_x86_64::port::inb;
use arch_x86_64::{chips, console, physical, processor, vga};
use common::failure::{Failure, Kind};

use crate::kernel::Pvh;

/// Entered from entry.s in 64-bit mode: the first 2 MiB are mapped, interrupts are off.
#[unsafe(export_name = "loader_main")]
extern "sysv64" fn main() -> ! {
    let Err(failure) = boot();
    fail(&failure)
}

fn boot() -> Result<Infallible, Failure> {
    // Devices as well, so to the end of what the tables can map.
    physical::map_up_to(layout::MEMORY_CEILING);
    chips::program();
    vga::set_text_mode_3();
    if !processor::has_no_execute(&mut processor::This) {
        return Err(Kind::NoExecuteDisable.alone());
    }
    let mut machine = Machine::new();
    let saved = entry::saved();
    let module = start_info::read(saved, &mut machine.map)?;
    machine.take_low_memory(layout::VGA_START);
    let rsdp = saved.start_info.rsdp;
    kernel::boot(
        &module,
        Pvh {
            machine: &mut machine,
            rsdp,
        },
    )
}

/// Tells the failure everywhere, waits for a key, and resets the machine.
#[unsafe(export_name = "loader_fail")]
fn fail(failure: &Failure) -> ! {
    console::tell_ports(failure);
    console::tell_cells(failure);
    while inb(chips::KEYBOARD_STATUS) & chips::KEYBOARD_HAS_DATA == 0 {}
    console::reset()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let line = info.location().map_or(0, |location| location.line());
    fail(&Kind::Panic.with(line.into(), 0))
}
