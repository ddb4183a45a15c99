//! The disk that this program came from, by BlockIo (UEFI 2.10, chapter 13.9), whatever the size of its blocks.

use core::ptr::{NonNull, null, null_mut};

use common::bytes::ReadAt;
use common::failure::{Failure, Kind};
use common::memory::{FrameAllocator, PAGE, Placement};
use common::memory_map::Use;

use crate::efi::{self, BlockIo, Handle, Media};
use crate::firmware::Firmware;
use crate::memory::Uefi;

/// What is read in one call: more has broken handles of some firmware for good.
const LARGEST: usize = 1 << 20;
/// What is read at least where it is small: the partition table with what it points to, or a small kernel, in one call.
const AHEAD: u64 = 128 << 10;
/// How often a read is tried before it is halved, and at last given up.
const TRIES: u32 = 6;
const BLOCK_SIZES: core::ops::RangeInclusive<u64> = 512..=64 << 10;

pub struct Disk {
    io: NonNull<BlockIo>,
    block: u64,
    align: u64,
    /// The most blocks of a read; halved where a whole one fails.
    blocks: u64,
    /// Room for `LARGEST` bytes, wherever they begin in a block.
    buffer: &'static mut [u8],
    /// What of the disk the buffer holds, from its first byte up to its last.
    held: (u64, u64),
}

impl Disk {
    /// The whole disk of the partition that the program was loaded from.
    pub fn of_image(uefi: &mut Uefi) -> Result<Disk, Failure> {
        let none = Kind::UefiNoDisk.alone();
        let firmware = uefi.firmware;
        let device = firmware.loaded_image().ok_or(none)?.device;
        let io = find_whole_disk(&firmware, device).ok_or(none)?;
        let Media {
            block_size,
            io_align,
            ..
        } = media(io);
        let block = u64::from(block_size);
        let align = u64::from(io_align).max(PAGE).next_power_of_two();
        if !BLOCK_SIZES.contains(&block) || !block.is_power_of_two() {
            return Err(none);
        }
        let length = LARGEST as u64 + 2 * block;
        let place = Placement {
            modulus: align,
            remainder: 0,
        };
        let address = uefi.allocate(Use::Bootloader, length, place)?;
        // SAFETY: these frames were allocated for this slice; `close` gives them back.
        let buffer = unsafe { arch_x86_64::physical::slice_mut(address, length) };
        Ok(Disk {
            io,
            block,
            align,
            blocks: LARGEST as u64 / block,
            buffer,
            held: (0, 0),
        })
    }

    /// Gives the buffer back.
    pub fn close(self, uefi: &mut Uefi) {
        uefi.free(self.buffer.as_ptr() as u64, self.buffer.len() as u64);
    }

    /// Reads `count` blocks from `block` on to `to`, which is aligned as the disk wants it.
    fn read(&mut self, mut block: u64, mut to: *mut u8, mut count: u64) -> Result<(), Failure> {
        while count > 0 {
            let now = count.min(self.blocks);
            match self.try_to_read(block, to, now) {
                Ok(()) => {
                    block += now;
                    to = to.wrapping_add((now * self.block) as usize);
                    count -= now;
                }
                Err(status) if now == 1 => {
                    let lba = block * self.block / layout::SECTOR_SIZE;
                    return Err(Kind::DiskRead.with(lba, status as u64));
                }
                Err(_) => self.blocks = now / 2,
            }
        }
        Ok(())
    }

    /// Reads what lies at `offset` to the buffer, and what lies behind it.
    fn fill(&mut self, offset: u64, length: u64) -> Result<(), Failure> {
        let first = offset / self.block;
        let needed = (offset + length).div_ceil(self.block) - first;
        let mut count = needed.max((AHEAD / self.block).min(self.blocks));
        let buffer = self.buffer.as_mut_ptr();
        self.held = (0, 0);
        // What lies behind may not be there, or not be readable, and nobody has asked for it.
        if count == needed || self.try_to_read(first, buffer, count).is_err() {
            count = needed;
            self.read(first, buffer, count)?;
        }
        self.held = (first * self.block, (first + count) * self.block);
        Ok(())
    }

    #[inline(never)]
    fn try_to_read(&self, block: u64, to: *mut u8, count: u64) -> Result<(), efi::Status> {
        let mut status = efi::SUCCESS;
        for _ in 0..TRIES {
            // The number of the medium is asked for anew: it changes when firmware thinks that the medium did.
            let id = media(self.io).id;
            let size = (count * self.block) as usize;
            // SAFETY: the protocol is the firmware's, and `read`'s callers own the bytes from `to` on.
            status =
                unsafe { (self.io.as_ref().read_blocks)(self.io.as_ptr(), id, block, size, to) };
            if status == efi::SUCCESS {
                return Ok(());
            }
        }
        Err(status)
    }
}

impl ReadAt for Disk {
    #[inline(never)]
    fn read_at(&mut self, offset: u64, length: usize) -> Result<&[u8], Failure> {
        if offset < self.held.0 || offset + length as u64 > self.held.1 {
            self.fill(offset, length as u64)?;
        }
        Ok(&self.buffer[(offset - self.held.0) as usize..][..length])
    }

    fn read_into(&mut self, offset: u64, to: &mut [u8]) -> Result<(), Failure> {
        let (place, length) = (to.as_mut_ptr(), to.len() as u64);
        let is_whole = place as u64 % self.align == 0 && (offset | length) % self.block == 0;
        if is_whole && length > AHEAD {
            return self.read(offset / self.block, place, length / self.block);
        }
        to.copy_from_slice(self.read_at(offset, to.len())?);
        Ok(())
    }

    fn largest_read(&self) -> usize {
        LARGEST
    }

    fn sector_size(&self) -> u64 {
        // What the image's partition table counts in, on a CD as well.
        layout::SECTOR_SIZE
    }
}

fn media(io: NonNull<BlockIo>) -> Media {
    // SAFETY: the firmware's protocol; volatile, because the firmware changes it.
    unsafe { io.as_ref().media.read_volatile() }
}

/// The BlockIo of the disk that `device` is a partition of; `device`'s own where it is none.
fn find_whole_disk(firmware: &Firmware, device: Handle) -> Option<NonNull<BlockIo>> {
    let disk = firmware
        .protocol(device, &efi::DEVICE_PATH)
        .and_then(|path| find_parent(firmware, path));
    disk.and_then(|disk| connected(firmware, disk))
        .or_else(|| connected(firmware, device))
}

/// The BlockIo of a handle, whose driver is started if there is none yet: no other controller is touched.
fn connected(firmware: &Firmware, handle: Handle) -> Option<NonNull<BlockIo>> {
    firmware.protocol(handle, &efi::BLOCK_IO).or_else(|| {
        // SAFETY: the firmware's own service, for a handle of its own.
        unsafe { (firmware.boot.connect_controller)(handle, null(), null(), false) };
        firmware.protocol(handle, &efi::BLOCK_IO)
    })
}

/// The handle whose device path is `path` without its last node, where that says a partition (chapter 10.3.5).
fn find_parent(firmware: &Firmware, path: NonNull<u8>) -> Option<Handle> {
    const MEDIA: u8 = 4;
    const END: u8 = 0x7F;
    const END_NODE: [u8; 4] = [END, 0xFF, 4, 0];
    let mut copy = [0_u8; 1024];
    let (mut at, mut last) = (0, None);
    loop {
        // SAFETY: the firmware's device path, which ends with a node that says so.
        let head = unsafe { path.as_ptr().add(at).cast::<[u8; 4]>().read() };
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        if head[0] == END {
            break;
        }
        let to = copy.get_mut(at..at + length + END_NODE.len())?;
        // SAFETY: as above; a node is as long as it says.
        let node = unsafe { core::slice::from_raw_parts(path.as_ptr().add(at), length) };
        to[..length].copy_from_slice(node);
        last = (head[0] == MEDIA).then_some(at);
        at += length.max(END_NODE.len());
    }
    let end = last?;
    copy[end..end + END_NODE.len()].copy_from_slice(&END_NODE);
    let (mut rest, mut disk) = (copy.as_ptr(), null_mut());
    // SAFETY: the firmware's own service; the path is ended.
    let status =
        unsafe { (firmware.boot.locate_device_path)(&efi::DEVICE_PATH, &mut rest, &mut disk) };
    // SAFETY: `rest` points into `copy`; a whole match leaves nothing but its end.
    (status == efi::SUCCESS && unsafe { *rest } == END).then_some(disk)
}
