//! Memory from the firmware, and the machine as the common code sees it.

use arch_x86_64::{dispi, physical, processor};
use common::failure::Failure;
use common::memory::{FrameAllocator, Memory, PAGE, Placement};
use common::memory_map::{self, MemoryMap, Report, Use};
use common::platform::{FrameBuffer, Platform, Screen};
use common::sha256::Sha256;

use crate::firmware::{Firmware, RawMap};
use crate::{console, descriptors, efi, screen, seal};

/// What is asked of the firmware at a time where it has as much: enough for all but a large kernel.
const BLOCK: u64 = 4 << 20;

/// The maps, which are too large to be moved about.
static mut POOL: MemoryMap = MemoryMap::new(0, 0);
static mut MAP: MemoryMap = MemoryMap::new(0, 0);

/// A machine with UEFI.
pub struct Uefi {
    pub firmware: Firmware,
    /// What the firmware gave us, and what it was used for: small pieces are cut from it without asking again.
    pool: &'static mut MemoryMap,
    /// The map as the kernel will find it, but for what the loader takes; after the exit, with that.
    map: &'static mut MemoryMap,
    /// What `map` was read from, unless pages were allocated since.
    newest: Option<RawMap>,
    /// What of the loader the kernel may come back to: the page of the jumps, and the image.
    kept: [(u64, u64); 2],
    pub screen: Screen,
    /// Whether the firmware's console is on the serial port, too.
    pub is_on_serial: bool,
    /// Of a signed loader: what was seen of the kernel file.
    pub digest: Sha256,
}

impl Uefi {
    /// A machine of which nothing is known yet.
    ///
    /// # Safety
    /// There is one of it.
    pub unsafe fn new(firmware: Firmware) -> Uefi {
        let (pool, map) = (&raw mut POOL, &raw mut MAP);
        // SAFETY: the caller's promise; nobody else names the two.
        let (pool, map) = unsafe { (&mut *pool, &mut *map) };
        pool.set_window(0, layout::MEMORY_CEILING);
        Uefi {
            firmware,
            pool,
            map,
            newest: None,
            kept: [(0, 0); 2],
            screen: Screen::Text,
            is_on_serial: false,
            digest: Sha256::default(),
        }
    }

    /// Gives back to the pool what was allocated for the loader.
    pub fn free(&mut self, address: u64, length: u64) {
        self.pool
            .free(address, address + length.next_multiple_of(PAGE));
    }

    /// Says what of the loader stays, as ranges of addresses.
    pub fn keep(&mut self, kept: [(u64, u64); 2]) {
        self.kept = kept;
    }

    /// Has `map` say what the firmware does.
    #[inline(never)]
    fn read(&mut self, raw: &RawMap) {
        self.map.clear();
        descriptors::take(self.map, raw.descriptors, raw.stride);
    }

    /// Puts what the firmware gave into the pool.
    fn add(&mut self, start: u64, length: u64) {
        self.newest = None;
        self.pool.take_reports(&[Report {
            start,
            length,
            purpose: Use::Usable,
        }]);
    }

    /// Looks for memory in the firmware's map, where AllocatePages found none.
    fn search(&mut self, purpose: Use, length: u64, placement: Placement) -> Result<u64, Failure> {
        let mut free = MemoryMap::new(layout::MEMORY_FLOOR, layout::MEMORY_CEILING);
        let raw = self.firmware.memory_map()?;
        descriptors::take_free(&mut free, raw.descriptors, raw.stride);
        self.firmware.free(raw);
        let address = free.allocate(purpose, length, placement)?;
        let whole = length.next_multiple_of(PAGE);
        if !self.firmware.allocate_at(address, whole) {
            return Err(memory_map::refusal(purpose).with(length, 0));
        }
        self.add(address, whole);
        self.pool.allocate(purpose, length, placement)
    }
}

impl Memory for Uefi {
    fn bytes(&mut self, address: u64, length: u64) -> &mut [u8] {
        // SAFETY: the firmware gave these pages to this loader, maps them to themselves, and the pool gave each once.
        unsafe { physical::slice_mut(address, length) }
    }
}

impl FrameAllocator for Uefi {
    fn allocate(
        &mut self,
        purpose: Use,
        length: u64,
        placement: Placement,
    ) -> Result<u64, Failure> {
        if let Ok(address) = self.pool.allocate(purpose, length, placement) {
            return Ok(address);
        }
        let slack = if placement.modulus > PAGE {
            placement.modulus
        } else {
            0
        };
        let size = length
            .checked_add(slack + BLOCK)
            .map(|size| size & !(BLOCK - 1));
        let last = layout::MEMORY_CEILING - 1;
        match size.and_then(|size| Some((self.firmware.allocate_below(last, size)?, size))) {
            Some((address, size)) => {
                self.add(address, size);
                self.pool.allocate(purpose, length, placement)
            }
            None => self.search(purpose, length, placement),
        }
    }
}

impl Platform for Uefi {
    const IS_UEFI: bool = true;

    fn see_header(&mut self, header: &[u8]) {
        seal::see(&mut self.digest, header);
    }

    fn take_map(&mut self) -> Result<(), Failure> {
        let raw = self.firmware.memory_map()?;
        self.read(&raw);
        self.newest = Some(raw);
        Ok(())
    }

    fn map(&mut self) -> &mut MemoryMap {
        self.map
    }

    fn set_screen(&mut self, screen: Screen) -> Result<Option<FrameBuffer>, Failure> {
        self.screen = screen;
        self.is_on_serial = console::shows_on_serial(&self.firmware);
        match screen {
            // Set after the exit: until then the firmware may write to its own.
            Screen::Text | Screen::Mode13h => {
                if !dispi::is_there() {
                    screen::say_that_there_is_no_vga(&self.firmware);
                }
                Ok(None)
            }
            // The mode stays: setting one fails on some machines, and leaves others without a picture.
            Screen::Linear { .. } => Ok(screen::find_frame_buffer(&self.firmware)),
        }
    }

    fn find_rsdp(&mut self) -> Option<u64> {
        let newer = self.firmware.table(&efi::ACPI_20_TABLE);
        newer.or_else(|| self.firmware.table(&efi::ACPI_10_TABLE))
    }

    fn random(&mut self) -> u64 {
        processor::random()
    }

    fn exit(&mut self) -> Result<&MemoryMap, Failure> {
        if self.newest.is_none() {
            self.take_map()?;
        }
        if let Some(newest) = self.newest.take() {
            let key = newest.key;
            let last = self.firmware.exit(newest)?;
            if last.key != key {
                self.read(&last);
            }
        }
        self.map.reserve(0, PAGE, Use::FrameZero);
        for (start, end) in self.kept {
            self.map.reserve(start, end, Use::Bootloader);
        }
        for region in self.pool.regions() {
            self.map.reserve(region.start, region.end, region.purpose);
        }
        Ok(self.map)
    }
}
