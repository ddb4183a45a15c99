//! The memory map as a BIOS tells it: E820, else E801, else 88h.

use arch_x86_64::machine::Machine;
use arch_x86_64::physical;
use common::failure::{Failure, Kind};
use common::region::{Report, Use};

use crate::bios::{self, Registers};

const SMAP: u32 = 0x534D_4150;
const KIB: u64 = 1024;
const E820_MAX: usize = 128;
const LEAST_LOW_MEMORY: u64 = 128 * KIB;

// The BIOS data area (IBM PC/AT technical reference).
const EBDA_SEGMENT: u64 = 0x40E;
const BASE_MEMORY_KIB: u64 = 0x413;

/// An entry as the BIOS writes it. Some write attributes behind it, whatever they were asked for: there is room.
#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    start: u64,
    length: u64,
    kind: u32,
    attributes: u32,
}

/// What was read so far.
struct Reports {
    list: [Report; E820_MAX],
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
pub fn read(machine: &mut Machine) -> Result<(), Failure> {
    let nothing = Report {
        start: 0,
        length: 0,
        purpose: Use::Reserved,
    };
    let mut reports = Reports {
        list: [nothing; E820_MAX],
        count: 0,
    };
    if !read_e820(&mut reports) {
        reports.count = 0;
    }
    if !reports.list[..reports.count]
        .iter()
        .any(|report| report.purpose == Use::Usable)
    {
        read_e801_or_88(&mut reports)?;
    }
    machine.map.take_reports(&reports.list[..reports.count]);
    machine.take_low_memory(low_memory_end());
    Ok(())
}

/// Reads the list of E820; `false` where it is broken, and nothing of it can be believed.
fn read_e820(reports: &mut Reports) -> bool {
    let mut next = 0;
    // One entry for all calls: some BIOSes write only what differs from the entry before.
    let mut entry = Entry {
        start: 0,
        length: 0,
        kind: 0,
        attributes: 0,
    };
    // A BIOS that never ends its list is stopped where there is no room left.
    for _ in 0..E820_MAX {
        let (es, di) = bios::far(&raw mut entry as usize);
        // All of EDX and ECX anew for each call: some BIOSes lose them. 20 bytes, because there are BIOSes whose
        // attributes, which could follow, are zero for every entry, as if none of them were valid.
        let mut registers = Registers {
            eax: 0xE820,
            ebx: next,
            ecx: 20,
            edx: SMAP,
            edi: di.into(),
            es,
            ..Registers::default()
        };
        bios::call(0x15, &mut registers);
        // Carry is the end of the list, or on the first call the absence of E820.
        if registers.carry() {
            return true;
        }
        if registers.eax != SMAP {
            return false;
        }
        // SAFETY: the entry is on the stack; the BIOS wrote it behind the compiler's back.
        let Entry {
            start,
            length,
            kind,
            ..
        } = unsafe { (&raw const entry).read_volatile() };
        if length > 0 {
            reports.add(start, length, Use::from_e820(kind));
        }
        next = registers.ebx;
        if next == 0 {
            return true;
        }
    }
    true
}

/// Returns where the BIOS says that its extended data area begins; 0 where it has none.
pub fn ebda() -> u64 {
    // SAFETY: the BIOS's data area is mapped, and reading it has no effect.
    u64::from(unsafe { physical::read_unaligned(EBDA_SEGMENT) }) << 4
}

/// Returns where low memory ends: at the least of what INT 12h and the two fields of the BIOS's data area say.
fn low_memory_end() -> u64 {
    let mut base = Registers::default();
    bios::call(0x12, &mut base);
    // SAFETY: the BIOS's data area is mapped, and reading it has no effect.
    let kib = unsafe { physical::read_unaligned(BASE_MEMORY_KIB) };
    let ends = [
        u64::from(base.eax as u16) * KIB,
        u64::from(kib) * KIB,
        ebda(),
    ];
    // A field that nobody keeps says less than any machine has.
    let plausible = ends.into_iter().filter(|&end| end >= LEAST_LOW_MEMORY);
    plausible.fold(layout::VGA_START, u64::min)
}

fn read_e801_or_88(reports: &mut Reports) -> Result<(), Failure> {
    reports.add(0, low_memory_end(), Use::Usable);
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
