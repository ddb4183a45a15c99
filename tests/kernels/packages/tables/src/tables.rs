//! ACPI tables in memory, made here and read by the crate acpi: RSDP, RSDT and a MADT with three processors.
#![no_std]

extern crate alloc;

use acpi::{AcpiHandler, AcpiTables, PhysicalMapping};
use alloc::vec::Vec;
use core::fmt::{Arguments, Write};
use core::ptr::NonNull;
use spin::Mutex;
use talc::{ClaimOnOom, Span, Talc, Talck};
use uart_16550::SerialPort;

static mut ARENA: [u8; 64 << 10] = [0; 64 << 10];

#[global_allocator]
// SAFETY: nothing else names ARENA.
static ALLOCATOR: Talck<Mutex<()>, ClaimOnOom> =
    Talc::new(unsafe { ClaimOnOom::new(Span::from_array((&raw const ARENA).cast_mut())) }).lock();

/// The kernel's memory is where its pointers say: nothing is mapped.
#[derive(Clone)]
pub struct AsItIs;

impl AcpiHandler for AsItIs {
    unsafe fn map_physical_region<T>(
        &self,
        address: usize,
        size: usize,
    ) -> PhysicalMapping<Self, T> {
        let pointer = NonNull::new(address as *mut T).expect("there is no table at 0");
        // SAFETY: the caller knows that a T lies there.
        unsafe { PhysicalMapping::new(address, pointer, size, size, AsItIs) }
    }

    fn unmap_physical_region<T>(_: &PhysicalMapping<Self, T>) {}
}

/// Tables that lie in memory as firmware leaves them.
pub struct Firmware {
    rsdp: Vec<u8>,
    _others: [Vec<u8>; 2],
}

impl Firmware {
    /// Writes the tables of a machine with processors of these APIC ids; the last one is off.
    pub fn new(processors: &[u8]) -> Firmware {
        let mut entries = alloc::vec![0; 8];
        entries[..4].copy_from_slice(&0xfee0_0000_u32.to_le_bytes());
        for (index, id) in processors.iter().enumerate() {
            let on = u8::from(index + 1 < processors.len());
            entries.extend_from_slice(&[0, 8, index as u8, *id, on, 0, 0, 0]);
        }
        entries.extend_from_slice(&[1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]);
        let madt = table(b"APIC", &entries);
        let rsdt = table(b"RSDT", &(madt.as_ptr() as u32).to_le_bytes());
        let mut rsdp = Vec::from(*b"RSD PTR \0TABLES\0");
        rsdp.extend_from_slice(&(rsdt.as_ptr() as u32).to_le_bytes());
        rsdp.resize(36, 0);
        rsdp[8] = checksum(&rsdp[..20]);
        Firmware {
            rsdp,
            _others: [rsdt, madt],
        }
    }

    /// Reads them.
    pub fn tables(&self) -> AcpiTables<AsItIs> {
        // SAFETY: the tables live as long as self, which nobody drops before them.
        unsafe { AcpiTables::from_rsdp(AsItIs, self.rsdp.as_ptr() as usize) }
            .expect("the tables are whole")
    }

    /// Flips a bit of the RSDP.
    pub fn damage(&mut self) -> usize {
        self.rsdp[10] ^= 1;
        self.rsdp.as_ptr() as usize
    }
}

/// Returns a table with its header of 36 bytes.
fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::from(*signature);
    bytes.extend_from_slice(&(36 + body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(b"\x01\0TABLES01234567\x01\0\0\0WRIT\x01\0\0\0");
    bytes.extend_from_slice(body);
    bytes[9] = checksum(&bytes);
    bytes
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte))
}

pub fn print(arguments: Arguments) {
    static PORT: Mutex<Option<SerialPort>> = Mutex::new(None);
    let mut port = PORT.lock();
    // SAFETY: COM1.
    let port = port.get_or_insert_with(|| unsafe { SerialPort::new(0x3f8) });
    port.write_fmt(arguments).unwrap();
}

pub fn exit(code: u32) -> ! {
    // SAFETY: isa-debug-exit.
    unsafe { core::arch::asm!("out dx, eax", in("dx") 0xf4, in("eax") code) };
    halt()
}

pub fn halt() -> ! {
    loop {
        // SAFETY: stops the processor.
        unsafe { core::arch::asm!("cli", "hlt") };
    }
}
