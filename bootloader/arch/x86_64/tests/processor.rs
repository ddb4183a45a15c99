//! What the processor is asked: an Intel's that hides its NX bit is told to show it, and no other is told anything.
#![cfg(target_arch = "x86_64")]

use std::arch::x86_64::CpuidResult;

use arch_x86_64::processor::{Processor, has_no_execute};

const INTEL: &[u8; 12] = b"GenuineIntel";
const AMD: &[u8; 12] = b"AuthenticAMD";
const MISC_ENABLE: u32 = 0x1A0;

/// A processor of a vendor, whose IA32_MISC_ENABLE hides the NX bit that it may have.
struct Fake {
    vendor: &'static [u8; 12],
    has_bit: bool,
    misc_enable: u64,
    told: u32,
}

impl Processor for Fake {
    fn cpuid(&self, leaf: u32) -> CpuidResult {
        let part = |at: usize| u32::from_le_bytes(self.vendor[at..at + 4].try_into().unwrap());
        let shown = self.has_bit && self.misc_enable & 1 << 34 == 0;
        match leaf {
            0 => CpuidResult {
                eax: 13,
                ebx: part(0),
                edx: part(4),
                ecx: part(8),
            },
            0x8000_0001 => CpuidResult {
                eax: 0,
                ebx: 0,
                ecx: 0,
                edx: u32::from(shown) << 20,
            },
            _ => panic!("nobody asks for {leaf:#x}"),
        }
    }

    fn clear_in_high(&mut self, register: u32, bits: u32) {
        assert_eq!(register, MISC_ENABLE);
        self.misc_enable &= !(u64::from(bits) << 32);
        self.told += 1;
    }
}

/// Whether it has the bit, what is left in the register, and how often it was told.
fn asked(vendor: &'static [u8; 12], has_bit: bool, misc_enable: u64) -> (bool, u64, u32) {
    let mut processor = Fake {
        vendor,
        has_bit,
        misc_enable,
        told: 0,
    };
    let has = has_no_execute(&mut processor);
    (has, processor.misc_enable, processor.told)
}

#[test]
fn an_intel_that_hides_the_bit_shows_it_then_and_keeps_all_else() {
    assert_eq!(asked(INTEL, true, !0), (true, !(1 << 34), 1));
}

#[test]
fn what_shows_the_bit_is_told_nothing() {
    assert_eq!(asked(INTEL, true, 1), (true, 1, 0));
    assert_eq!(asked(AMD, true, 1), (true, 1, 0));
}

#[test]
fn what_has_no_bit_has_none_then_either_and_another_vendors_register_is_not_touched() {
    assert_eq!(asked(INTEL, false, 0), (false, 0, 1));
    assert_eq!(asked(AMD, false, 0), (false, 0, 0));
}
