//! microbit: a Cortex-M0 of Nordic's nRF51, its UART, and semihosting to leave QEMU by.

use core::arch::asm;

// QEMU's hw/arm/nrf51_soc.c says where the UART is, include/hw/char/nrf51_uart.h which registers it has.
const UART: usize = 0x4000_2000;
const START_TX: *mut u32 = (UART + 0x008) as *mut u32;
const TX_READY: *mut u32 = (UART + 0x11c) as *mut u32;
const ENABLE: *mut u32 = (UART + 0x500) as *mut u32;
const TXD: *mut u32 = (UART + 0x51c) as *mut u32;
const ENABLED: u32 = 4;

const SYS_EXIT_EXTENDED: u32 = 0x20;
const ADP_STOPPED_APPLICATION_EXIT: u32 = 0x20026;

/// Does nothing: a Cortex-M0 has no FPU, and its code computes with whole numbers.
pub fn enable_fpu() {}

/// Writes a byte to the serial port.
pub fn put(byte: u8) {
    // SAFETY: these are the UART's registers, which nothing else uses.
    unsafe {
        ENABLE.write_volatile(ENABLED);
        START_TX.write_volatile(1);
        TX_READY.write_volatile(0);
        TXD.write_volatile(u32::from(byte));
        while TX_READY.read_volatile() == 0 {}
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
