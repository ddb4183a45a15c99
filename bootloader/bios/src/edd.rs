//! The boot disk, read by LBA through INT 13h (Enhanced Disk Drive specification). Nothing here writes to it.

use arch_x86_64::physical;
use common::bytes::ReadAt;
use common::failure::{Failure, Kind};

use crate::bios::{self, Registers};

const TRIES: u32 = 6;
const SECTOR: u64 = layout::SECTOR_SIZE;
/// The most sectors that are read from a CD at once: they may begin within a block, and end in one.
const CD_SECTORS: u64 =
    (layout::READ_MAX_SECTORS / layout::CD_BLOCK_SECTORS - 1) * layout::CD_BLOCK_SECTORS;

/// The packet of AH=42h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Packet {
    size: u16,
    count: u16,
    offset: u16,
    segment: u16,
    lba: u64,
}

/// The disk that the BIOS booted from.
pub struct Disk {
    drive: u8,
    /// The sectors of what the BIOS counts in: one on a disk, four on a CD.
    block: u64,
    /// The most blocks for one call; halved when the BIOS fails at more, and never raised again.
    largest: u64,
}

impl Disk {
    /// The disk of that BIOS number, whose blocks have so many sectors.
    pub fn new(drive: u8, block: u64) -> Disk {
        Disk {
            drive,
            block,
            largest: layout::READ_MAX_SECTORS / block,
        }
    }

    /// Reads `count` blocks into the read buffer, in as many calls as it takes.
    fn read(&mut self, mut block: u64, mut count: u64) -> Result<(), Failure> {
        let (mut tries, mut at) = (0, 0);
        while count > 0 {
            let piece = count.min(self.largest);
            match self.call(block, piece, layout::READ_BUFFER_ADDRESS + at) {
                Ok(()) => {
                    tries = 0;
                    block += piece;
                    count -= piece;
                    at += piece * self.block * SECTOR;
                }
                Err(status) => {
                    tries += 1;
                    bios::call(
                        0x13,
                        &mut Registers {
                            edx: self.drive.into(),
                            ..Registers::default()
                        },
                    );
                    if tries == TRIES {
                        tries = 0;
                        self.largest = piece / 2;
                    }
                    if self.largest == 0 {
                        return Err(Kind::DiskRead.with(block * self.block, status.into()));
                    }
                }
            }
        }
        Ok(())
    }

    /// One call of the BIOS; an error is its status.
    fn call(&self, block: u64, count: u64, address: u64) -> Result<(), u8> {
        let (segment, offset) = bios::far(address as usize);
        let packet = Packet {
            size: 16,
            count: count as u16,
            offset,
            segment,
            lba: block,
        };
        let (ds, si) = bios::far(&raw const packet as usize);
        let mut registers = Registers {
            eax: 0x4200,
            edx: self.drive.into(),
            esi: si.into(),
            ds,
            ..Registers::default()
        };
        bios::call(0x13, &mut registers);
        if registers.carry() {
            Err((registers.eax >> 8) as u8)
        } else {
            Ok(())
        }
    }
}

impl ReadAt for Disk {
    fn read_at(&mut self, offset: u64, length: usize) -> Result<&[u8], Failure> {
        debug_assert!(offset & (SECTOR - 1) == 0 && length <= self.largest_read());
        let block = self.block * SECTOR;
        let (first, before) = (offset / block, offset % block);
        self.read(first, (before + length as u64).div_ceil(block))?;
        // SAFETY: layout.py keeps the buffer for this disk alone, and the borrow of `self` ends the slice's life.
        Ok(unsafe { physical::slice_mut(layout::READ_BUFFER_ADDRESS + before, length as u64) })
    }

    fn largest_read(&self) -> usize {
        let sectors = if self.block == 1 {
            layout::READ_MAX_SECTORS
        } else {
            CD_SECTORS
        };
        (sectors * SECTOR) as usize
    }

    fn sector_size(&self) -> u64 {
        SECTOR
    }
}
