//! A plugin of QEMU's (TCG): counts guest instructions from the first at 0x7C00, or from a mark that a program under
//! UEFI sets, which lies anywhere, to the first at the kernel's entry.
//!
//! Distributions ship no header for plugins, so what is used of the interface is declared here by hand, from
//! include/qemu/qemu-plugin.h of QEMU 7.1 to 10. Each round of a repeated string instruction counts as one. The result
//! goes to QEMU's log (`-d plugin`) as `icount NUMBER`.
//!
//! While the disk works the firmware runs in circles, more often on a slow builder than on a quick one. Each circle
//! holds a `pause`, and the plugin makes it one: the processor sleeps there, and the disk is done after a circle or two.

#![no_std]

use core::ffi::{c_char, c_int, c_uint, c_void};
use core::sync::atomic::{AtomicU64, Ordering};

/// Where a BIOS jumps to when it has read the boot sector.
const START: u64 = 0x7C00;

/// QEMU before 9.0 takes version 1 at most, 9.0 takes 2, and 9.1 and later take 3 and more.
const VERSION: c_int = if cfg!(plugin_api = "1") {
    1
} else if cfg!(plugin_api = "2") {
    2
} else {
    3
};

/// The bytes of `pause`.
const PAUSE: [u8; 2] = [0xf3, 0x90];

/// The mark: `xchg bx, bx`, which changes nothing and which no compiler writes.
const MARK: [u8; 3] = [0x66, 0x87, 0xdb];

/// How long a `pause` lasts, in microseconds.
const PAUSE_MICROSECONDS: c_uint = 100;

/// The largest number of digits that a u64 has.
const DIGITS: usize = 20;

const NOT_STARTED: u64 = u64::MAX;
const DONE: u64 = u64::MAX - 1;

static ENTRY: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicU64 = AtomicU64::new(NOT_STARTED);

type Translated = extern "C" fn(id: u64, block: *mut c_void);
type Executed = extern "C" fn(processor: c_uint, data: *mut c_void);

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, callback: Translated);
    fn qemu_plugin_tb_n_insns(block: *const c_void) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const c_void, index: usize) -> *mut c_void;
    fn qemu_plugin_insn_vaddr(instruction: *const c_void) -> u64;
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut c_void,
        callback: Executed,
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_insn_size(instruction: *const c_void) -> usize;
    #[cfg(any(plugin_api = "1", plugin_api = "2"))]
    fn qemu_plugin_insn_data(instruction: *const c_void) -> *const c_void;
    #[cfg(not(any(plugin_api = "1", plugin_api = "2")))]
    fn qemu_plugin_insn_data(
        instruction: *const c_void,
        destination: *mut c_void,
        length: usize,
    ) -> usize;
    fn qemu_plugin_outs(text: *const c_char);
    // The C library's, which QEMU brings along.
    fn usleep(microseconds: c_uint) -> c_int;
}

/// QEMU looks for this symbol before it calls anything.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name is QEMU's")]
pub static qemu_plugin_version: c_int = VERSION;

/// Called once, with the one argument entry=NUMBER (decimal).
///
/// # Safety
/// QEMU gives `count` pointers to strings that end with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    _info: *const c_void,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    if count != 1 {
        return 1;
    }
    // SAFETY: there is one argument, and QEMU keeps the interface's promise.
    let Some(entry) = (unsafe { parse_entry((*arguments).cast()) }) else {
        return 1;
    };
    ENTRY.store(entry, Ordering::Relaxed);
    // SAFETY: the callback lives as long as the plugin.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}

/// Reads `entry=NUMBER`.
///
/// # Safety
/// text ends with a zero.
unsafe fn parse_entry(mut text: *const u8) -> Option<u64> {
    let mut number: Option<u64> = None;
    let mut name = b"entry=".iter();
    loop {
        // SAFETY: the loop ends at the zero.
        let byte = unsafe { text.read() };
        match (name.next(), byte) {
            (Some(expected), _) if *expected == byte => {}
            (None, b'0'..=b'9') => {
                let digit = u64::from(byte - b'0');
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            }
            (None, 0) => return number,
            _ => return None,
        }
        // SAFETY: the byte was not the last.
        text = unsafe { text.add(1) };
    }
}

extern "C" fn translated(_id: u64, block: *mut c_void) {
    // SAFETY: QEMU lends the block for this call; the data is a number, not a pointer.
    unsafe {
        for index in 0..qemu_plugin_tb_n_insns(block) {
            let instruction = qemu_plugin_tb_get_insn(block, index);
            let address = qemu_plugin_insn_vaddr(instruction) as usize as *mut c_void;
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, executed, 0, address);
            if is(instruction, PAUSE) {
                qemu_plugin_register_vcpu_insn_exec_cb(instruction, paused, 0, address);
            } else if is(instruction, MARK) {
                qemu_plugin_register_vcpu_insn_exec_cb(instruction, marked, 0, address);
            }
        }
    }
}

/// Whether the instruction has these bytes.
///
/// # Safety
/// QEMU lends the instruction while it translates.
unsafe fn is<const SIZE: usize>(instruction: *const c_void, wanted: [u8; SIZE]) -> bool {
    // SAFETY: QEMU gives as many bytes as the size says.
    unsafe {
        if qemu_plugin_insn_size(instruction) != SIZE {
            return false;
        }
        #[cfg(any(plugin_api = "1", plugin_api = "2"))]
        let bytes = qemu_plugin_insn_data(instruction)
            .cast::<[u8; SIZE]>()
            .read_unaligned();
        #[cfg(not(any(plugin_api = "1", plugin_api = "2")))]
        let bytes = {
            let mut bytes = [0; SIZE];
            qemu_plugin_insn_data(instruction, bytes.as_mut_ptr().cast(), bytes.len());
            bytes
        };
        bytes == wanted
    }
}

extern "C" fn paused(_processor: c_uint, _data: *mut c_void) {
    if COUNT.load(Ordering::Relaxed) < DONE {
        // SAFETY: the function only waits, and QEMU holds no lock over a callback.
        unsafe { usleep(PAUSE_MICROSECONDS) };
    }
}

extern "C" fn marked(_processor: c_uint, _data: *mut c_void) {
    if COUNT.load(Ordering::Relaxed) == NOT_STARTED {
        COUNT.store(0, Ordering::Relaxed);
    }
}

extern "C" fn executed(processor: c_uint, data: *mut c_void) {
    if processor != 0 {
        return;
    }
    let address = data as usize as u64;
    let count = COUNT.load(Ordering::Relaxed);
    if count == DONE || (count == NOT_STARTED && address != START) {
        return;
    }
    if count != NOT_STARTED && address == ENTRY.load(Ordering::Relaxed) {
        report(count);
        COUNT.store(DONE, Ordering::Relaxed);
    } else {
        COUNT.store(
            if count == NOT_STARTED { 1 } else { count + 1 },
            Ordering::Relaxed,
        );
    }
}

fn report(mut count: u64) {
    let mut text = *b"icount 00000000000000000000\n\0";
    let first = b"icount ".len();
    for position in (first..first + DIGITS).rev() {
        text[position] = b'0' + (count % 10) as u8;
        count /= 10;
    }
    // SAFETY: the text ends with a zero.
    unsafe { qemu_plugin_outs(text.as_ptr().cast()) };
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
