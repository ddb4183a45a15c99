//! The firmware while its services last: protocols, pages, the memory map, and the end of it all.
//!
//! Every call goes through the tables that the firmware gave: that they are what UEFI 2.10 says is what each `unsafe`
//! here rests on. What is optional in it may be missing: then there is `None`, and the boot goes on.

use core::ffi::c_void;
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use common::failure::{Failure, Kind};
use common::memory::PAGE;

use crate::efi::{self, BootServices, Guid, Handle, LoadedImage, Status, SystemTable};

/// The tables as long as the services last, for whoever has to tell a failure.
static SYSTEM: AtomicPtr<SystemTable> = AtomicPtr::new(null_mut());
static IMAGE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// How often the firmware may refuse to end its services, because somebody changed the map meanwhile.
const EXIT_TRIES: u64 = 8;

/// The firmware, and the handle of this program in it.
#[derive(Clone, Copy)]
pub struct Firmware {
    pub image: Handle,
    pub system: &'static SystemTable,
    pub boot: &'static BootServices,
}

/// A memory map as the firmware writes it: descriptors of `stride` bytes each.
pub struct RawMap {
    pub descriptors: &'static [u8],
    pub stride: usize,
    room: usize,
    /// Changes with the map.
    pub key: usize,
}

impl Firmware {
    /// Takes what the firmware gave the program at its entry.
    ///
    /// # Safety
    /// They are the image's handle and the system table, and boot services are there.
    pub unsafe fn new(image: Handle, system: *mut SystemTable) -> Firmware {
        SYSTEM.store(system, Ordering::Relaxed);
        IMAGE.store(image, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { Firmware::at(image, system) }
    }

    /// The firmware, unless its services have ended.
    pub fn current() -> Option<Firmware> {
        let system = SYSTEM.load(Ordering::Relaxed);
        // SAFETY: `new` got them, and services have not ended since.
        (!system.is_null()).then(|| unsafe { Firmware::at(IMAGE.load(Ordering::Relaxed), system) })
    }

    unsafe fn at(image: Handle, system: *mut SystemTable) -> Firmware {
        // SAFETY: the caller's promise.
        unsafe {
            Firmware {
                image,
                system: &*system,
                boot: &*(*system).boot,
            }
        }
    }

    /// Turns off the watchdog, which would reset the machine after five minutes.
    pub fn stop_watchdog(&self) {
        // SAFETY: see above.
        unsafe { (self.boot.set_watchdog_timer)(0, 0, 0, null()) };
    }

    /// The protocol of a handle; `T` is what the GUID stands for.
    pub fn protocol<T>(&self, handle: Handle, guid: &Guid) -> Option<NonNull<T>> {
        let mut found = null_mut();
        if handle.is_null() {
            return None;
        }
        // SAFETY: see above.
        let status = unsafe { (self.boot.handle_protocol)(handle, guid, &mut found) };
        NonNull::new(found.cast()).filter(|_| status == efi::SUCCESS)
    }

    /// The first protocol of that kind that anybody has.
    pub fn any_protocol<T>(&self, guid: &Guid) -> Option<NonNull<T>> {
        let mut found = null_mut();
        // SAFETY: see above.
        let status = unsafe { (self.boot.locate_protocol)(guid, null(), &mut found) };
        NonNull::new(found.cast()).filter(|_| status == efi::SUCCESS)
    }

    /// The handles with a protocol, as many as there is room for.
    pub fn handles<'a>(&self, guid: &Guid, room: &'a mut [Handle]) -> &'a [Handle] {
        let mut size = size_of_val(room);
        let list = room.as_mut_ptr();
        // SAFETY: see above.
        let status =
            unsafe { (self.boot.locate_handle)(efi::BY_PROTOCOL, guid, null(), &mut size, list) };
        let count = if status == efi::SUCCESS {
            size / size_of::<Handle>()
        } else {
            0
        };
        &room[..count.min(room.len())]
    }

    /// What the firmware knows of this program.
    pub fn loaded_image(&self) -> Option<&'static LoadedImage> {
        let image = self.protocol::<LoadedImage>(self.image, &efi::LOADED_IMAGE)?;
        // SAFETY: see above; it stays as long as the image does.
        Some(unsafe { image.as_ref() })
    }

    /// Allocates pages at or below `last`, or `None`.
    pub fn allocate_below(&self, last: u64, length: u64) -> Option<u64> {
        self.allocate(efi::ALLOCATE_MAX_ADDRESS, last, length)
    }

    /// Allocates the pages at `address`, or says that they cannot be had.
    pub fn allocate_at(&self, address: u64, length: u64) -> bool {
        self.allocate(efi::ALLOCATE_ADDRESS, address, length)
            .is_some()
    }

    fn allocate(&self, how: u32, mut address: u64, length: u64) -> Option<u64> {
        let pages = length.div_ceil(PAGE) as usize;
        // SAFETY: see above.
        let status =
            unsafe { (self.boot.allocate_pages)(how, efi::LOADER_DATA, pages, &mut address) };
        // Frame zero is nobody's: a null pointer shall not be one that works.
        (status == efi::SUCCESS && address != 0).then_some(address)
    }

    /// Reads the memory map into a buffer of the firmware's, with room for what may be added until the last one is read.
    pub fn memory_map(&self) -> Result<RawMap, Failure> {
        let (mut size, mut key, mut stride, mut version) = (0, 0, 0, 0);
        // SAFETY: see above; without a buffer the size alone is asked for.
        let status = unsafe {
            (self.boot.get_memory_map)(&mut size, null_mut(), &mut key, &mut stride, &mut version)
        };
        if status != efi::BUFFER_TOO_SMALL || stride == 0 {
            return Err(Kind::NoMemoryMap.alone());
        }
        // Twice, because it grows by what is allocated for it, and by what others do at the exit.
        let room = size * 2 + 16 * stride;
        let mut buffer = null_mut();
        // SAFETY: see above.
        let status = unsafe { (self.boot.allocate_pool)(efi::LOADER_DATA, room, &mut buffer) };
        if status != efi::SUCCESS || buffer.is_null() {
            return Err(Kind::OutOfMemory.with(room as u64, 0));
        }
        self.read_memory_map(buffer, room)
            .map_err(|_| Kind::NoMemoryMap.alone())
    }

    fn read_memory_map(&self, buffer: *mut u8, room: usize) -> Result<RawMap, Status> {
        let (mut size, mut key, mut stride, mut version) = (room, 0, 0, 0);
        // SAFETY: see above; the buffer has that much room.
        let status = unsafe {
            (self.boot.get_memory_map)(&mut size, buffer, &mut key, &mut stride, &mut version)
        };
        if status != efi::SUCCESS || size > room || stride == 0 {
            return Err(status);
        }
        // SAFETY: the firmware wrote them.
        let descriptors = unsafe { core::slice::from_raw_parts(buffer, size) };
        Ok(RawMap {
            descriptors,
            stride,
            room,
            key,
        })
    }

    /// Gives a map's buffer back.
    pub fn free(&self, map: RawMap) {
        // SAFETY: `memory_map` allocated it, and nobody else has the slice.
        unsafe { (self.boot.free_pool)(map.descriptors.as_ptr().cast_mut()) };
    }

    /// Ends the services, and returns the map that is the last one: `map`, or where the firmware finds that it changed
    /// since, another. Interrupts are off then.
    pub fn exit(self, mut map: RawMap) -> Result<RawMap, Failure> {
        let (buffer, room) = (map.descriptors.as_ptr().cast_mut(), map.room);
        let mut status = efi::SUCCESS;
        for _ in 0..EXIT_TRIES {
            // SAFETY: see above. After a first refusal nothing else may be called but the map and the exit.
            status = unsafe { (self.boot.exit_boot_services)(self.image, map.key) };
            if status == efi::SUCCESS {
                SYSTEM.store(null_mut(), Ordering::Relaxed);
                // SAFETY: nobody waits for an interrupt any more.
                unsafe { core::arch::asm!("cli", options(nomem, nostack)) };
                return Ok(map);
            }
            map = self
                .read_memory_map(buffer, room)
                .map_err(|status| Kind::UefiNoExit.with(status as u64, EXIT_TRIES))?;
        }
        // Its console may be gone already.
        SYSTEM.store(null_mut(), Ordering::Relaxed);
        Err(Kind::UefiNoExit.with(status as u64, EXIT_TRIES))
    }

    /// The physical address of the table that the firmware has for a GUID.
    pub fn table(&self, guid: &Guid) -> Option<u64> {
        // SAFETY: see above.
        let tables =
            unsafe { core::slice::from_raw_parts(self.system.tables, self.system.table_count) };
        let table = tables.iter().find(|table| table.guid == *guid)?;
        Some(table.table as u64).filter(|&address| address != 0)
    }
}
