//! Handovers: what a kernel finds when it begins. Each protocol is a file here and an arm of each `match` below.

pub mod bootloader_011;
pub mod bootloader_09;

use crate::elf::Image;
use crate::facts::{Entry, Facts};
use crate::failure::{Failure, Kind};
use crate::kernel_file::Settings;
use crate::plan::Plan;
use crate::platform::Screen;
use crate::region::Region;

/// The protocols that this loader speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Bootloader09,
    Bootloader011,
}

/// What a protocol decided and has yet to write down.
pub enum Ready {
    Bootloader09(bootloader_09::Ready),
    Bootloader011(bootloader_011::Ready),
}

impl Protocol {
    /// Returns the protocol of that number in the kernel file.
    pub fn find(number: u32) -> Result<Protocol, Failure> {
        match u64::from(number) {
            layout::HANDOVER_BOOTLOADER_09 => Ok(Protocol::Bootloader09),
            layout::HANDOVER_BOOTLOADER_011 => Ok(Protocol::Bootloader011),
            _ => Err(Kind::Handover.with(number.into(), 0)),
        }
    }

    /// What the screen has to be.
    pub fn screen(self, settings: &Settings) -> Screen {
        match self {
            Protocol::Bootloader09 => bootloader_09::screen(settings),
            Protocol::Bootloader011 => bootloader_011::screen(settings),
        }
    }

    /// Decides where everything goes, the image itself where it is movable.
    pub fn plan(self, image: Image, facts: &Facts<'_>) -> Result<(Plan, Image, Ready), Failure> {
        match self {
            Protocol::Bootloader09 => {
                let (plan, image, ready) = bootloader_09::plan(image, facts)?;
                Ok((plan, image, Ready::Bootloader09(ready)))
            }
            Protocol::Bootloader011 => {
                let (plan, image, ready) = bootloader_011::plan(image, facts)?;
                Ok((plan, image, Ready::Bootloader011(ready)))
            }
        }
    }
}

impl Ready {
    /// How many bytes `write` gets: the whole pages that the plan has for them.
    pub fn boot_info_length(&self) -> u64 {
        match self {
            Ready::Bootloader09(_) => bootloader_09::BOOT_INFO_LENGTH,
            Ready::Bootloader011(ready) => ready.boot_info_length(),
        }
    }

    /// Fills the pages of what is handed over; `regions` is final.
    pub fn write(&self, pages: &mut [u8], regions: &[Region]) {
        match self {
            Ready::Bootloader09(ready) => ready.write(pages, regions),
            Ready::Bootloader011(ready) => ready.write(pages, regions),
        }
    }

    /// How the kernel is entered.
    pub fn entry(&self) -> Entry {
        match self {
            Ready::Bootloader09(ready) => ready.entry,
            Ready::Bootloader011(ready) => ready.entry,
        }
    }
}
