//! The kernel file from the server that a network card's ROM loaded this loader from, by TFTP (PXE 2.1, chapter 3.4).
//!
//! The loader's file is NAME.pxe, and NAME.kernel lies beside it. A file is read from its start on; what lies before the
//! place where it stands is had by opening it anew, which happens once, for the header.

use core::mem::size_of;

use arch_x86_64::physical;
use common::bytes::{ReadAt, take, u32_at};
use common::failure::{Failure, Kind};

use crate::bios::{self, Registers};

const GET_CACHED_INFO: u32 = 0x71;
const TFTP_OPEN: u32 = 0x20;
const TFTP_CLOSE: u32 = 0x21;
const TFTP_READ: u32 = 0x22;

/// The answers that the ROM keeps: that of the boot server, and that of the DHCP server, which may be the same.
const REPLIES: [u16; 2] = [3, 2];
/// In an answer (RFC 951): the server's address, a relay's, and the name of the loader's file.
const SERVER: usize = 20;
const RELAY: usize = 24;
const FILE: usize = 108;
const NAME_MAX: usize = 128;
const SUFFIX: &[u8] = b".kernel";

/// The bytes of a packet that are asked for: they fit into an Ethernet frame.
const PACKET: usize = 1432;
const PACKET_MAX: usize = 16 << 10;
const ROOM: usize = 64 << 10;
/// What is given at a time; a packet more is always in the buffer's room.
const LARGEST: usize = 32 << 10;

#[repr(C)]
#[derive(Default)]
struct CachedInfo {
    status: u16,
    kind: u16,
    size: u16,
    offset: u16,
    segment: u16,
    limit: u16,
}

#[repr(C)]
struct Open {
    status: u16,
    server: [u8; 4],
    relay: [u8; 4],
    name: [u8; NAME_MAX],
    /// 69, in the network's order.
    port: [u8; 2],
    packet: u16,
}

#[repr(C)]
#[derive(Default)]
struct Read {
    status: u16,
    number: u16,
    size: u16,
    offset: u16,
    segment: u16,
}

/// The file on its server.
pub struct Server {
    server: [u8; 4],
    relay: [u8; 4],
    name: [u8; NAME_MAX],
    /// Whether the file is open, and its last packet has not come.
    is_open: bool,
    packet: usize,
    /// What the read buffer holds: so many bytes, from this one of the file on.
    start: u64,
    held: usize,
}

impl Server {
    /// Asks the ROM where the loader came from.
    pub fn find() -> Result<Server, Failure> {
        let mut status = 0;
        for kind in REPLIES {
            let mut info = CachedInfo {
                kind,
                ..CachedInfo::default()
            };
            status = call(GET_CACHED_INFO, &mut info);
            let address = u64::from(info.segment) * 16 + u64::from(info.offset);
            if status != 0 || address == 0 || usize::from(info.size) < FILE + NAME_MAX {
                continue;
            }
            // SAFETY: the ROM keeps the answer there, in its own memory below 1 MiB, which is mapped.
            let answer = unsafe { physical::slice_mut(address, info.size.into()) };
            let server: [u8; 4] = take(answer, SERVER).unwrap_or_default();
            let name: [u8; NAME_MAX] = take(answer, FILE).unwrap_or([0; NAME_MAX]);
            if u32_at(&server, 0) != Some(0)
                && let Some(name) = kernel_name(name)
            {
                return Ok(Server {
                    server,
                    relay: take(answer, RELAY).unwrap_or_default(),
                    name,
                    is_open: false,
                    packet: PACKET,
                    start: 0,
                    held: 0,
                });
            }
        }
        Err(Kind::PxeNoFile.with(status.into(), 0))
    }

    /// How long the file is, where the buffer can hold all of it; the header of a longer one says that.
    pub fn length(&mut self) -> Result<u64, Failure> {
        self.open()?;
        while self.is_open && self.held < LARGEST {
            self.read_packet()?;
        }
        Ok(if self.is_open {
            u64::MAX
        } else {
            self.held as u64
        })
    }

    /// Begins with the file's first byte.
    fn open(&mut self) -> Result<(), Failure> {
        call(TFTP_CLOSE, &mut 0_u16);
        let mut open = Open {
            status: 0,
            server: self.server,
            relay: self.relay,
            name: self.name,
            port: 69_u16.to_be_bytes(),
            packet: PACKET as u16,
        };
        let status = call(TFTP_OPEN, &mut open);
        let packet = usize::from(open.packet);
        if status != 0 || packet == 0 || packet > PACKET_MAX {
            return Err(Kind::PxeNoFile.with(status.into(), 0));
        }
        (self.is_open, self.packet, self.start, self.held) = (true, packet, 0, 0);
        Ok(())
    }

    /// Takes one more packet behind what the buffer holds; the last one is shorter than the others.
    fn read_packet(&mut self) -> Result<(), Failure> {
        let at = self.start + self.held as u64;
        let (segment, offset) = bios::far(layout::READ_BUFFER_ADDRESS as usize + self.held);
        let mut read = Read {
            size: self.packet as u16,
            offset,
            segment,
            ..Read::default()
        };
        let status = call(TFTP_READ, &mut read);
        let size = usize::from(read.size);
        if status != 0 || size > self.packet {
            return Err(Kind::PxeRead.with(at, status.into()));
        }
        self.held += size;
        self.is_open = size == self.packet;
        Ok(())
    }

    /// Leaves out what lies before `offset`.
    fn skip_to(&mut self, offset: u64) {
        let over = (offset.saturating_sub(self.start) as usize).min(self.held);
        buffer().copy_within(over..self.held, 0);
        self.start += over as u64;
        self.held -= over;
    }
}

impl ReadAt for Server {
    fn read_at(&mut self, offset: u64, length: usize) -> Result<&[u8], Failure> {
        if offset < self.start || (self.start == 0 && self.held == 0) {
            self.open()?;
        }
        self.skip_to(offset);
        while self.start < offset || self.held < length {
            if !self.is_open {
                let end = self.start + self.held as u64;
                return Err(Kind::KernelTruncated.with(offset + length as u64, end));
            }
            self.read_packet()?;
            self.skip_to(offset);
        }
        Ok(&buffer()[..length])
    }

    fn largest_read(&self) -> usize {
        LARGEST
    }

    fn sector_size(&self) -> u64 {
        layout::SECTOR_SIZE
    }
}

/// The buffer between the BIOS and the kernel's memory.
fn buffer() -> &'static mut [u8] {
    // SAFETY: layout.py keeps it for the one source that there is; no slice lives through another call of this.
    unsafe { physical::slice_mut(layout::READ_BUFFER_ADDRESS, ROOM as u64) }
}

/// Calls the ROM; the first word of each structure is the status as well.
fn call<T>(number: u32, structure: &mut T) -> u16 {
    let place = &raw mut *structure;
    debug_assert!(size_of::<T>() >= 2);
    let (es, di) = bios::far(place as usize);
    let mut registers = Registers {
        ebx: number,
        edi: di.into(),
        es,
        ..Registers::default()
    };
    bios::call_network(&mut registers);
    // SAFETY: a structure of the ROM's begins with its status.
    let status = unsafe { place.cast::<u16>().read_volatile() };
    match (registers.eax as u16, status) {
        (0, _) => 0,
        (_, 0) => registers.eax as u16,
        (_, status) => status,
    }
}

/// The name of the kernel's file for that of the loader's: what follows the last dot is another.
fn kernel_name(loader: [u8; NAME_MAX]) -> Option<[u8; NAME_MAX]> {
    let length = loader.iter().position(|&byte| byte == 0)?;
    let stem = loader[..length].iter().rposition(|&byte| byte == b'.')?;
    let mut name = [0; NAME_MAX];
    name[..stem].copy_from_slice(&loader[..stem]);
    // One byte is left for the zero.
    name[..NAME_MAX - 1]
        .get_mut(stem..stem + SUFFIX.len())?
        .copy_from_slice(SUFFIX);
    Some(name)
}
