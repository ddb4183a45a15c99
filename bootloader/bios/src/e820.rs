//! The memory map as a BIOS tells it: E820, else E801, else 88h.

use common::failure::{Failure, Kind};
use common::memory_map::{CAPACITY, MemoryMap, Report, Use};

use crate::bios::{self, Registers};

const SMAP: u32 = 0x534D_4150;
const KIB: u64 = 1024;

/// An entry as the BIOS writes it; older ones leave the attributes out.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Entry {
    start: u64,
    length: u64,
    kind: u32,
    attributes: u32,
}

/// What was read so far.
struct Reports {
    list: [Report; CAPACITY],
    count: usize,
}

impl Reports {
    fn add(&mut self, start: u64, length: u64, purpose: Use) {
        if let Some(place) = self.list.get_mut(self.count) {
            *place = Report {
                start,
                length,
                purpose,
            };
            self.count += 1;
        }
    }
}

/// Fills the map; frame zero and the loader's own memory are taken out of it.
pub fn read(map: &mut MemoryMap) -> Result<(), Failure> {
    let nothing = Report {
        start: 0,
        length: 0,
        purpose: Use::Reserved,
    };
    let mut reports = Reports {
        list: [nothing; CAPACITY],
        count: 0,
    };
    read_e820(&mut reports);
    if !reports.list[..reports.count]
        .iter()
        .any(|report| report.purpose == Use::Usable)
    {
        read_e801_or_88(&mut reports)?;
    }
    map.take_reports(&reports.list[..reports.count]);
    map.reserve(0, layout::PAGE_SIZE, Use::FrameZero);
    map.reserve(
        layout::STAGE_LOAD_ADDRESS,
        layout::STAGE_END,
        Use::Bootloader,
    );
    Ok(())
}

fn read_e820(reports: &mut Reports) {
    let mut next = 0;
    // A BIOS that never ends its list is stopped where there is no room left.
    for _ in 0..CAPACITY {
        // Attributes that a BIOS leaves out count as "the entry is valid".
        let mut entry = Entry {
            attributes: 1,
            ..Entry::default()
        };
        let (es, di) = bios::far(&raw mut entry as usize);
        // All of EDX and ECX anew for each call: some BIOSes lose them.
        let mut registers = Registers {
            eax: 0xE820,
            ebx: next,
            ecx: 24,
            edx: SMAP,
            edi: di.into(),
            es,
            ..Registers::default()
        };
        bios::call(0x15, &mut registers);
        // Carry is the end of the list, or on the first call the absence of E820.
        if registers.carry() || registers.eax != SMAP || registers.ecx < 20 {
            return;
        }
        // SAFETY: the entry is on the stack; the BIOS wrote it behind the compiler's back.
        let entry = unsafe { (&raw const entry).read_volatile() };
        let is_valid = registers.ecx < 24 || entry.attributes & 1 != 0;
        if is_valid && entry.length > 0 {
            reports.add(entry.start, entry.length, purpose_of(entry.kind));
        }
        next = registers.ebx;
        if next == 0 {
            return;
        }
    }
}

fn purpose_of(kind: u32) -> Use {
    match kind {
        1 => Use::Usable,
        3 => Use::AcpiReclaimable,
        4 => Use::AcpiNvs,
        5 => Use::BadMemory,
        // 2 is reserved, and so is what nobody told us about.
        _ => Use::Reserved,
    }
}

fn read_e801_or_88(reports: &mut Reports) -> Result<(), Failure> {
    let mut base = Registers::default();
    bios::call(0x12, &mut base);
    // Below 640 KiB whatever it says: the EBDA and the screen follow.
    reports.add(0, u64::from(base.eax as u16).min(640) * KIB, Use::Usable);
    let mut extended = Registers {
        eax: 0xE801,
        ..Registers::default()
    };
    bios::call(0x15, &mut extended);
    let pair = |low: u32, high: u32| (u64::from(low as u16), u64::from(high as u16));
    // Some answer in CX and DX, some in AX and BX: KiB up to 16 MiB, and 64 KiB blocks after.
    let (kib, blocks) = match pair(extended.ecx, extended.edx) {
        (0, 0) => pair(extended.eax, extended.ebx),
        found => found,
    };
    if !extended.carry() && kib > 0 {
        reports.add(layout::MIB, kib.min(15 * KIB) * KIB, Use::Usable);
        reports.add(16 * layout::MIB, blocks * 64 * KIB, Use::Usable);
        return Ok(());
    }
    let mut old = Registers {
        eax: 0x8800,
        ..Registers::default()
    };
    bios::call(0x15, &mut old);
    let kib = u64::from(old.eax as u16);
    if old.carry() || kib == 0 {
        return Err(Kind::NoMemoryMap.alone());
    }
    reports.add(layout::MIB, kib * KIB, Use::Usable);
    Ok(())
}
