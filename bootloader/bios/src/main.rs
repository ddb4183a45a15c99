//! The BIOS loader's stage: from the boot sector to the kernel's first instruction.
//!
//! Everything here is specific to a BIOS; what is not is in the crates `common` and `arch_x86_64`.
#![no_std]
#![no_main]

mod a20;
mod bios;
mod console;
mod e820;
mod edd;
mod kernel;
mod pxe;
mod screen;
mod thunk;
mod vbe;

use core::convert::Infallible;

use arch_x86_64::machine::Machine;
use arch_x86_64::{physical, processor};
use common::bytes::Either;
use common::failure::{Failure, Kind};

/// What pxe_boot.s has in place of a block's sectors.
const NETWORK: u8 = 0;

/// Entered from real_mode.s in 64-bit mode: the first 2 MiB are mapped, interrupts are off.
#[unsafe(export_name = "loader_main")]
extern "sysv64" fn main(drive: u8, sectors_per_block: u8) -> ! {
    let Err(failure) = boot(drive, sectors_per_block);
    console::fail(&failure)
}

fn boot(drive: u8, sectors_per_block: u8) -> Result<Infallible, Failure> {
    screen::prepare();
    if !processor::has_no_execute(&mut processor::This) {
        return Err(Kind::NoExecuteDisable.alone());
    }
    a20::enable()?;
    let mut machine = Machine::new();
    e820::read(&mut machine)?;
    physical::map_up_to(machine.map.usable_end(layout::MEMORY_CEILING));
    let bios = kernel::Bios(&mut machine);
    let mut source = match sectors_per_block {
        NETWORK => Either::Second(pxe::Server::find()?),
        block => Either::First(edd::Disk::new(drive, block.into())),
    };
    kernel::boot(&mut source, bios)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let line = info.location().map_or(0, |location| location.line());
    console::fail(&Kind::Panic.with(line.into(), 0))
}
