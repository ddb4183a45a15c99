//! What a machine with its firmware gives a loader, whichever firmware it is.

use crate::failure::Failure;
use crate::memory::FrameAllocator;
use crate::memory_map::MemoryMap;

/// What the screen should be when the kernel begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Text mode 3, 80 by 25 cells.
    Text,
    /// Mode 13h, 320 by 200 pixels of a byte at A0000h.
    Mode13h,
    /// A linear frame buffer, of at least so many pixels in a row and rows where there is such a mode.
    Linear { width: u64, height: u64 },
}

/// What the bytes of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    Rgb,
    Bgr,
    /// The lowest bit of red, green and blue.
    Unknown([u8; 3]),
}

/// A linear frame buffer; `stride` counts pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameBuffer {
    pub address: u64,
    pub length: u64,
    pub width: u64,
    pub height: u64,
    pub stride: u64,
    pub bytes_per_pixel: u64,
    pub format: PixelFormat,
}

/// A machine with its firmware.
pub trait Platform: FrameAllocator {
    /// Whether the map's words are UEFI's: kernels are told in the firmware's own numbers.
    const IS_UEFI: bool = false;

    /// Sees the kernel file's header, which is kept nowhere, as it was read.
    fn see_header(&mut self, _: &[u8]) {}

    /// Asks for the memory map, unless it is known: what follows allocates little, and asks the firmware for nothing.
    fn take_map(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// The memory map: its end and the count of its regions are as the kernel will find them, or nearly so.
    fn map(&mut self) -> &mut MemoryMap;

    /// Brings the screen to what the kernel wants; the frame buffer, where it is a linear one.
    fn set_screen(&mut self, screen: Screen) -> Result<Option<FrameBuffer>, Failure>;

    /// The physical address of ACPI's root table.
    fn find_rsdp(&mut self) -> Option<u64>;

    /// A number that nobody guesses.
    fn random(&mut self) -> u64;

    /// Leaves the firmware, and returns the final map: nothing is allocated any more.
    fn exit(&mut self) -> Result<&MemoryMap, Failure>;
}
