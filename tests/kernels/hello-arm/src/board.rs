//! mps2-an386: a Cortex-M4 with a single-precision FPU, UART 0 of Arm's CMSDK, and semihosting to leave QEMU by.

use core::arch::asm;

// QEMU's hw/arm/mps2.c says where the UART is, hw/char/cmsdk-apb-uart.c which registers it has.
const UART: usize = 0x4000_4000;
const DATA: *mut u32 = UART as *mut u32;
const STATE: *mut u32 = (UART + 4) as *mut u32;
const CONTROL: *mut u32 = (UART + 8) as *mut u32;
const BAUD_DIVIDER: *mut u32 = (UART + 16) as *mut u32;
const STATE_TX_FULL: u32 = 1;
const CONTROL_TX: u32 = 1;
const LEAST_DIVIDER: u32 = 16;

/// Coprocessor Access Control Register: two bits for each of coprocessors 10 and 11, which are the FPU.
const CPACR: *mut u32 = 0xe000_ed88 as *mut u32;

const SYS_EXIT_EXTENDED: u32 = 0x20;
const ADP_STOPPED_APPLICATION_EXIT: u32 = 0x20026;

/// Turns the FPU on; without that its first instruction is a fault.
pub fn enable_fpu() {
    // SAFETY: the register is the processor's own, and the barriers keep later instructions behind the change.
    unsafe {
        CPACR.write_volatile(CPACR.read_volatile() | 0xf << 20);
        asm!("dsb", "isb");
    }
}

/// Writes a byte to the serial port.
pub fn put(byte: u8) {
    // SAFETY: these are the UART's registers, which nothing else uses.
    unsafe {
        BAUD_DIVIDER.write_volatile(LEAST_DIVIDER);
        CONTROL.write_volatile(CONTROL_TX);
        while STATE.read_volatile() & STATE_TX_FULL != 0 {}
        DATA.write_volatile(u32::from(byte));
    }
}

/// Ends QEMU with status; 0 is success.
pub fn exit(status: u32) -> ! {
    let block = [ADP_STOPPED_APPLICATION_EXIT, status];
    // SAFETY: this breakpoint is a call of the debugger, here QEMU, which reads the block and does not come back.
    unsafe { asm!("bkpt 0xab", in("r0") SYS_EXIT_EXTENDED, in("r1") &block) };
    loop {
        // SAFETY: it waits for an interrupt, and none is on.
        unsafe { asm!("wfi", options(nomem, nostack)) };
    }
}
