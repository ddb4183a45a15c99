//! The UEFI loader: an EFI program that starts the kernel from the disk that it came from itself.
//!
//! What is not about UEFI is in the crates `common` and `arch_x86_64`. Everything that can fail is done while the
//! firmware is there to show why; then its services end, and what follows uses nothing of it (leave.rs).
#![no_std]
#![no_main]

mod console;
mod descriptors;
mod disk;
mod efi;
mod firmware;
mod leave;
mod memory;
mod screen;
mod seal;

use core::convert::Infallible;
use core::mem::MaybeUninit;

use arch_x86_64::jump::WayBack;
use arch_x86_64::page_table::PageTable;
use arch_x86_64::physical::{self, Physical};
use arch_x86_64::{chips, processor};
use common::boot::{self, Entry, Kept, Prepared};
use common::bytes::{Bytes, Either};
use common::failure::{Failure, Kind};
use common::memory::{Access, PAGE, pages_of};
use common::plan::Mapping;
use common::platform::{Platform, Screen};
use common::{file, gpt};

use crate::disk::Disk;
use crate::efi::{Handle, Status, SystemTable};
use crate::firmware::Firmware;
use crate::leave::Own;
use crate::memory::Uefi;

/// What goes over from the firmware's stack to the loader's own.
struct Departure {
    own: Own,
    root: u64,
    entry: Entry,
    screen: Screen,
    /// Whether the firmware's console was on the serial port, too.
    is_on_serial: bool,
}

static mut DEPARTURE: MaybeUninit<Departure> = MaybeUninit::uninit();

/// Where the firmware enters.
#[unsafe(no_mangle)]
extern "efiapi" fn efi_main(image: Handle, system: *mut SystemTable) -> Status {
    // SAFETY: that is what the firmware gives a program.
    let firmware = unsafe { Firmware::new(image, system) };
    let Err(failure) = start(firmware);
    console::fail(&failure)
}

/// Starts the kernel; returns only what keeps it from starting.
fn start(firmware: Firmware) -> Result<Infallible, Failure> {
    firmware.stop_watchdog();
    if !seal::is_whole() {
        return Err(Kind::StageChecksum.alone());
    }
    if !processor::has_no_execute(&mut processor::This) {
        return Err(Kind::NoExecuteDisable.alone());
    }
    // SAFETY: there is no other.
    let mut uefi = unsafe { Uefi::new(firmware) };
    let image = firmware
        .loaded_image()
        .map_or((0, 0), |image| (image.base, image.base + image.size));
    let mut source = match seal::kernel_inside(image.0) {
        Some(bytes) => Either::Second(Bytes(bytes)),
        None => Either::First(Disk::of_image(&mut uefi)?),
    };
    let (start, length) = match &mut source {
        Either::First(disk) => {
            let partition = gpt::find(disk, &layout::KERNEL_TYPE)?;
            (partition.start, partition.length)
        }
        Either::Second(Bytes(bytes)) => (0, bytes.len() as u64),
    };
    let kernel = file::read(&mut source, start, length, &mut uefi)?;
    seal::check(&mut uefi.digest, &kernel)?;
    if let Either::First(disk) = source {
        disk.close(&mut uefi);
    }
    let own = Own::new(&mut uefi, image)?;
    let mut space = PageTable::new(&mut uefi)?;
    // SAFETY: the pool gave these frames to the kernel's file, and what is written later goes to others.
    let bytes = unsafe { physical::slice_mut(kernel.elf.address, pages_of(kernel.elf.length)) };
    let jump = Mapping::identity(own.page, own.page + PAGE, Access::EXECUTE);
    let screen = Mapping::identity(layout::VGA_START, layout::VGA_END, Access::WRITE);
    let kept = Kept {
        jump: &[jump],
        low: &[jump, screen],
    };
    let prepared = boot::prepare(&kernel, bytes, kept, &mut uefi, &mut space)?;
    depart(&mut uefi, own, space.root, prepared)
}

/// Ends the firmware's services, and goes on in `arrive`.
fn depart(uefi: &mut Uefi, own: Own, root: u64, prepared: Prepared) -> Result<Infallible, Failure> {
    let entry = prepared.finish(&mut Physical, uefi.exit()?);
    let departure = Departure {
        own,
        root,
        entry,
        screen: uefi.screen,
        is_on_serial: uefi.is_on_serial,
    };
    // SAFETY: one thread, and `arrive` alone reads it. The services have ended, and nothing here is used again.
    unsafe {
        (&raw mut DEPARTURE).write(MaybeUninit::new(departure));
        own.enter(arrive)
    }
}

/// On the loader's own stack and tables: brings chips and screen to what kernels know, and enters the kernel.
extern "sysv64" fn arrive() -> ! {
    leave::load_exceptions();
    // SAFETY: `depart` wrote it, and nobody else has it.
    let Departure {
        own,
        root,
        entry,
        screen,
        is_on_serial,
    } = unsafe { (&raw const DEPARTURE).read().assume_init() };
    chips::program();
    screen::set(screen);
    if is_on_serial {
        // As blank as the screen: what follows is the kernel's.
        arch_x86_64::console::send_serial(&layout::TERMINAL_CLEARED);
    }
    // SAFETY: `start` had the kernel's tables map the page of the jumps, which is the loader's own.
    unsafe {
        own.jumps.set_way_back(WayBack {
            root: own.root,
            stack_end: own.stack_end,
            told_by: leave::returned,
        });
        own.jumps.enter(root, &entry)
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let line = info.location().map_or(0, |location| location.line());
    console::fail(&Kind::Panic.with(line.into(), 0))
}
