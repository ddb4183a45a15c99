//! What the processor says of itself.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, CpuidResult};

/// A processor that can be asked; this one is [`This`].
pub trait Processor {
    /// What it says of itself (CPUID).
    fn cpuid(&self, leaf: u32) -> CpuidResult;
    /// Clears bits of the upper half of a model-specific register, which the processor must have.
    fn clear_in_high(&mut self, register: u32, bits: u32);
}

/// The processor that this runs on.
pub struct This;

impl Processor for This {
    fn cpuid(&self, leaf: u32) -> CpuidResult {
        cpuid(leaf)
    }

    fn clear_in_high(&mut self, register: u32, bits: u32) {
        // SAFETY: who calls knows that there is the register, and wants it so.
        unsafe {
            asm!(
                "rdmsr",
                "and edx, {keep:e}",
                "wrmsr",
                keep = in(reg) !bits,
                in("ecx") register, out("eax") _, out("edx") _,
                options(nomem, nostack)
            )
        }
    }
}

/// True when the processor knows the NX bit (CPUID 8000_0001h, EDX bit 20), after it was asked to show it.
///
/// Intel's processors hide the bit while IA32_MISC_ENABLE says so, which set-ups do for "Execute Disable: off". Every
/// 64-bit processor of Intel's has that register; the one bit of it that changes makes NX be known again.
pub fn has_no_execute(processor: &mut impl Processor) -> bool {
    const MISC_ENABLE: u32 = 0x1A0;
    const HIDES_NO_EXECUTE: u32 = 1 << (34 - 32);
    const GENUINE_INTEL: (u32, u32, u32) = (0x756E_6547, 0x4965_6E69, 0x6C65_746E);
    if shows_no_execute(processor) {
        return true;
    }
    let vendor = processor.cpuid(0);
    if (vendor.ebx, vendor.edx, vendor.ecx) != GENUINE_INTEL {
        return false;
    }
    processor.clear_in_high(MISC_ENABLE, HIDES_NO_EXECUTE);
    shows_no_execute(processor)
}

fn shows_no_execute(processor: &impl Processor) -> bool {
    processor.cpuid(0x8000_0001).edx & 1 << 20 != 0
}

/// The address of the processor's own interrupt controller, if there is one, it is on, and it has its registers in
/// memory (CPUID 1, MSR 1Bh): firmware may have turned them into registers of the processor (x2APIC).
pub fn find_apic() -> Option<u64> {
    const BASE: u32 = 0x1B;
    const IS_ON: u64 = 1 << 11;
    const IN_MEMORY_NO_MORE: u64 = 1 << 10;
    if cpuid(1).edx & 1 << 9 == 0 {
        return None;
    }
    let (low, high): (u32, u32);
    // SAFETY: a processor with an APIC has this register, and reading it changes nothing.
    unsafe {
        asm!("rdmsr", in("ecx") BASE, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags))
    }
    let base = u64::from(high) << 32 | u64::from(low);
    (base & (IS_ON | IN_MEMORY_NO_MORE) == IS_ON).then_some(base & !0xFFF)
}

/// A number that nobody guesses: RDRAND where there is one, the cycles since the machine began anyway.
pub fn random() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: every 64-bit processor counts cycles.
    unsafe { asm!("rdtsc", out("eax") low, out("edx") high, options(nomem, nostack)) }
    let cycles = u64::from(high) << 32 | u64::from(low);
    let mut random = cycles.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    if cpuid(1).ecx & 1 << 30 != 0 {
        let value: u64;
        // SAFETY: the processor says that it has the instruction; without entropy it gives zero.
        unsafe { asm!("rdrand {}", out(reg) value, options(nomem, nostack)) }
        random ^= value;
    }
    random
}

fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: whoever switched to 64-bit mode has CPUID. Newer compilers know that the instruction is harmless.
    #[allow(unused_unsafe, reason = "the function is unsafe in older compilers")]
    unsafe {
        __cpuid(leaf)
    }
}
