//! The boot disk, read by LBA through INT 13h (Enhanced Disk Drive specification). Nothing here writes to it.

use arch_x86_64::physical;
use common::bytes::ReadAt;
use common::failure::{Failure, Kind};

use crate::bios::{self, Registers};

const TRIES: u32 = 6;
const SECTOR: u64 = layout::SECTOR_SIZE;

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
    /// The most sectors for one call; halved when the BIOS fails at more, and never raised again.
    largest: u64,
}

impl Disk {
    /// The disk of that BIOS number.
    pub fn new(drive: u8) -> Disk {
        Disk {
            drive,
            largest: layout::READ_MAX_SECTORS,
        }
    }

    /// Reads `count` sectors to `at` bytes into the read buffer, in as many calls as it takes.
    fn read(&mut self, mut lba: u64, mut count: u64, mut at: u64) -> Result<(), Failure> {
        let mut tries = 0;
        while count > 0 {
            let piece = count.min(self.largest);
            match self.call(lba, piece, layout::READ_BUFFER_ADDRESS + at) {
                Ok(()) => {
                    tries = 0;
                    lba += piece;
                    count -= piece;
                    at += piece * SECTOR;
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
                        return Err(Kind::DiskRead.with(lba, status.into()));
                    }
                }
            }
        }
        Ok(())
    }

    /// One call of the BIOS; an error is its status.
    fn call(&self, lba: u64, count: u64, address: u64) -> Result<(), u8> {
        let (segment, offset) = bios::far(address as usize);
        let packet = Packet {
            size: 16,
            count: count as u16,
            offset,
            segment,
            lba,
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
        self.read(offset / SECTOR, length as u64 / SECTOR, 0)?;
        // SAFETY: layout.py keeps the buffer for this disk alone, and the borrow of `self` ends the slice's life.
        Ok(unsafe { physical::slice_mut(layout::READ_BUFFER_ADDRESS, length as u64) })
    }

    fn largest_read(&self) -> usize {
        (layout::READ_MAX_SECTORS * SECTOR) as usize
    }

    fn sector_size(&self) -> u64 {
        SECTOR
    }
}
