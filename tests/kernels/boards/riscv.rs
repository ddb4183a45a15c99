//! virt of QEMU's RISC-V: a UART of type 16550, and the device of SiFive's tests to leave QEMU by.

use core::arch::asm;

// QEMU's hw/riscv/virt.c, virt_memmap: VIRT_UART0 and VIRT_TEST.
const UART: *mut u8 = 0x1000_0000 as *mut u8;
const TEST: *mut u32 = 0x10_0000 as *mut u32;

const LINE_STATUS: usize = 5;
const LINE_STATUS_TX_EMPTY: u8 = 1 << 5;

// QEMU's include/hw/misc/sifive_test.h; a failure's status is in the upper half.
const FINISHER_FAIL: u32 = 0x3333;
const FINISHER_PASS: u32 = 0x5555;

/// Turns floating point on (mstatus.FS); without that its first instruction is a fault.
pub fn enable_fpu() {
    // SAFETY: the register is the processor's own, and only floating point depends on these bits.
    unsafe { asm!("csrs mstatus, {}", in(reg) 0x6000) };
}

/// Writes a byte to the serial port.
pub fn put(byte: u8) {
    // SAFETY: these are the UART's registers, which nothing else uses.
    unsafe {
        while UART.add(LINE_STATUS).read_volatile() & LINE_STATUS_TX_EMPTY == 0 {}
        UART.write_volatile(byte);
    }
}

/// Ends QEMU with status; 0 is success.
pub fn exit(status: u32) -> ! {
    let word = if status == 0 {
        FINISHER_PASS
    } else {
        status << 16 | FINISHER_FAIL
    };
    // SAFETY: this is the device's only register.
    unsafe { TEST.write_volatile(word) };
    loop {
        // SAFETY: it waits for an interrupt, and none is on.
        unsafe { asm!("wfi", options(nomem, nostack)) };
    }
}
