//! virt of QEMU's AArch64: a UART of type PL011, and semihosting to leave QEMU by.

use core::arch::asm;

// QEMU's hw/arm/virt.c, base_memmap: VIRT_UART. The registers are in Arm's manual of the PL011, chapter 3.
const UART: usize = 0x0900_0000;
const DATA: *mut u32 = UART as *mut u32;
const FLAGS: *const u32 = (UART + 0x18) as *const u32;
const CONTROL: *mut u32 = (UART + 0x30) as *mut u32;
const FLAGS_TX_FULL: u32 = 1 << 5;
const CONTROL_ENABLE_TX: u32 = 1 << 8 | 1;

const SYS_EXIT: u64 = 0x18;
const ADP_STOPPED_APPLICATION_EXIT: u64 = 0x20026;

/// Turns the FPU and the vector registers on (CPACR_EL1.FPEN); without that their first use is a fault.
pub fn enable_fpu() {
    // SAFETY: the register is the processor's own, and only floating point and vectors depend on these bits.
    unsafe { asm!("msr cpacr_el1, {}", "isb", in(reg) 3_u64 << 20) };
}

/// Writes a byte to the serial port.
pub fn put(byte: u8) {
    // SAFETY: these are the UART's registers, which nothing else uses.
    unsafe {
        CONTROL.write_volatile(CONTROL_ENABLE_TX);
        while FLAGS.read_volatile() & FLAGS_TX_FULL != 0 {}
        DATA.write_volatile(u32::from(byte));
    }
}

/// Ends QEMU with status; 0 is success.
pub fn exit(status: u32) -> ! {
    let block = [ADP_STOPPED_APPLICATION_EXIT, u64::from(status)];
    // SAFETY: this halt is a call of the debugger, here QEMU, which reads the block and does not come back.
    unsafe { asm!("hlt 0xf000", in("x0") SYS_EXIT, in("x1") &block) };
    loop {
        // SAFETY: it waits for an interrupt, and none is on.
        unsafe { asm!("wfi", options(nomem, nostack)) };
    }
}
