//! Handovers: what a kernel finds when it begins. Each protocol is a file here and a row of the table below.
//!
//! A protocol's file has `screen`, `plan`, `WANTS_RSDP`, and `Ready` with three methods: what the table's code calls.

pub mod bootloader_011;
pub mod bootloader_09;

use crate::elf::Image;
use crate::facts::{Entry, Facts};
use crate::failure::{Failure, Kind};
use crate::kernel_file::Settings;
use crate::plan::Plan;
use crate::platform::Screen;
use crate::region::Region;

/// Makes of the table what nothing else needs to name the protocols for.
macro_rules! protocols {
    ($($name:ident = $number:path, $file:ident;)*) => {
        /// The protocols that this loader speaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Protocol {
            $($name),*
        }

        /// What a protocol decided and has yet to write down.
        pub enum Ready {
            $($name($file::Ready)),*
        }

        impl Protocol {
            /// Returns the protocol of that number in the kernel file.
            pub fn find(number: u32) -> Result<Protocol, Failure> {
                match u64::from(number) {
                    $($number => Ok(Protocol::$name),)*
                    _ => Err(Kind::Handover.with(number.into(), 0)),
                }
            }

            /// What the screen has to be.
            pub fn screen(self, settings: &Settings) -> Screen {
                match self {
                    $(Protocol::$name => $file::screen(settings)),*
                }
            }

            /// Whether the kernel is told of ACPI's root table, which takes a search.
            pub fn wants_rsdp(self) -> bool {
                match self {
                    $(Protocol::$name => $file::WANTS_RSDP),*
                }
            }

            /// Decides where everything goes, the image itself where it is movable.
            pub fn plan(
                self,
                image: Image,
                facts: &Facts<'_>,
            ) -> Result<(Plan, Image, Ready), Failure> {
                match self {
                    $(Protocol::$name => {
                        let (plan, image, ready) = $file::plan(image, facts)?;
                        Ok((plan, image, Ready::$name(ready)))
                    }),*
                }
            }
        }

        impl Ready {
            /// How many bytes `write` gets: the whole pages that the plan has for them.
            pub fn boot_info_length(&self) -> u64 {
                match self {
                    $(Ready::$name(ready) => ready.boot_info_length()),*
                }
            }

            /// Fills the pages of what is handed over; `regions` is final.
            pub fn write(&self, pages: &mut [u8], regions: &[Region]) {
                match self {
                    $(Ready::$name(ready) => ready.write(pages, regions)),*
                }
            }

            /// How the kernel is entered; what `write` filled lies at the physical address `frame`.
            pub fn entry(&self, frame: u64) -> Entry {
                match self {
                    $(Ready::$name(ready) => ready.entry(frame)),*
                }
            }
        }
    };
}

// The name, its number in the kernel file, and its file here.
protocols! {
    Bootloader09 = layout::HANDOVER_BOOTLOADER_09, bootloader_09;
    Bootloader011 = layout::HANDOVER_BOOTLOADER_011, bootloader_011;
}
