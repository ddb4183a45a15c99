//! ACPI's root pointer where a BIOS leaves it (ACPI 6.5, chapter 5.2.5.1).

use crate::physical;

const SIGNATURE: u64 = u64::from_le_bytes(*b"RSD PTR ");
const STEP: u64 = 16;
/// What the first sum covers.
const LENGTH: u64 = 20;
const BIOS_START: u64 = 0xE_0000;

/// Searches the first KiB of the extended data area at `ebda`, then the BIOS's own memory.
pub fn find(ebda: u64) -> Option<u64> {
    let ebda = if ebda < BIOS_START { ebda } else { 0 };
    let places = [(ebda, ebda + 1024), (BIOS_START, layout::MIB)];
    let places = places.into_iter().filter(|&(start, _)| start > 0);
    let mut addresses = places.flat_map(|(start, end)| (start..end).step_by(STEP as usize));
    addresses.find(|&address| is_root_pointer(address))
}

fn is_root_pointer(address: u64) -> bool {
    // SAFETY: the first MiB is mapped, and reading a BIOS's memory has no effect.
    unsafe {
        physical::read::<u64>(address) == SIGNATURE
            && (address..address + LENGTH)
                .map(|at| physical::read::<u8>(at))
                .fold(0, u8::wrapping_add)
                == 0
    }
}
