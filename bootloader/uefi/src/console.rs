//! Where failures are told: by the firmware while it is there, and wherever none is needed. Nothing here can fail or hang.

use core::ptr::null;

use arch_x86_64::{console, dispi};
use common::failure::Failure;

use crate::efi::{self, Handle};
use crate::firmware::Firmware;

/// Keys that were pressed before a failure are thrown away, as many as this.
const KEYS_MAX: usize = 64;

/// Tells the failure everywhere, waits for a key, and goes back to the firmware, which goes on as after any program
/// that failed. Where the firmware is gone the machine halts.
#[unsafe(export_name = "loader_fail")]
pub fn fail(failure: &Failure) -> ! {
    console::tell_debug_console(failure);
    let Some(firmware) = Firmware::current() else {
        console::tell_serial(failure);
        if dispi::is_there() {
            console::tell_cells(failure);
        }
        console::halt()
    };
    // The firmware's console is on the serial port as well where it has one there: once is enough.
    if !shows_on_serial(&firmware) {
        console::tell_serial(failure);
    }
    say(&firmware, "\n");
    failure.tell(&mut |byte| put(&firmware, byte));
    wait_for_key(&firmware);
    // SAFETY: the firmware's own service for a program that ends.
    unsafe { (firmware.boot.exit)(firmware.image, efi::LOAD_ERROR, 0, null()) };
    console::halt()
}

/// Shows a text on the firmware's console, if it has one.
pub fn say(firmware: &Firmware, text: &str) {
    text.bytes().for_each(|byte| put(firmware, byte));
}

fn put(firmware: &Firmware, byte: u8) {
    let console = firmware.system.console_out;
    let line_feed = [u16::from(b'\r'), u16::from(b'\n'), 0];
    let letter = [u16::from(byte), 0];
    let text = if byte == b'\n' {
        &line_feed[..]
    } else {
        &letter
    };
    if !console.is_null() {
        // SAFETY: the firmware's protocol; the text ends with a zero.
        unsafe { ((*console).output_string)(console, text.as_ptr()) };
    }
}

/// Whether one of the devices of the firmware's console is a serial port.
pub fn shows_on_serial(firmware: &Firmware) -> bool {
    let mut room = [core::ptr::null_mut(); 32];
    let devices = firmware.handles(&efi::CONSOLE_OUT_DEVICE, &mut room);
    devices.iter().any(|&device| is_serial(firmware, device))
}

/// Whether a device path goes by way of a UART (UEFI 2.10, chapter 10.3.4.5).
fn is_serial(firmware: &Firmware, device: Handle) -> bool {
    const MESSAGING: u8 = 3;
    const UART: u8 = 14;
    const END: u8 = 0x7F;
    let Some(path) = firmware.protocol::<u8>(device, &efi::DEVICE_PATH) else {
        return false;
    };
    let mut at = path.as_ptr();
    loop {
        // SAFETY: the firmware's device path, which ends with a node that says so.
        let node = unsafe { at.cast::<[u8; 4]>().read() };
        match (node[0], node[1]) {
            (END, _) => return false,
            (MESSAGING, UART) => return true,
            _ => at = at.wrapping_add(usize::from(u16::from_le_bytes([node[2], node[3]])).max(4)),
        }
    }
}

fn wait_for_key(firmware: &Firmware) {
    let keyboard = firmware.system.console_in;
    if keyboard.is_null() {
        return;
    }
    // SAFETY: the firmware's protocol.
    unsafe {
        let mut key = 0;
        for _ in 0..KEYS_MAX {
            if ((*keyboard).read_key_stroke)(keyboard, &mut key) != efi::SUCCESS {
                break;
            }
        }
        let mut index = 0;
        (firmware.boot.wait_for_event)(1, &(*keyboard).wait_for_key, &mut index);
    }
}
