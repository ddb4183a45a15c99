//! Where failures are told: screen, through the BIOS, and wherever no firmware is needed. Nothing here can fail or hang.

use arch_x86_64::{console, physical};
use common::failure::Failure;

use crate::thunk::{self, Registers};

const TEXT_MODE_3: u32 = 0x03;

// The buffer of keys in the BIOS's data area (IBM PC/AT technical reference): what is next, and behind the last.
const KEYS_HEAD: u64 = 0x41A;
const KEYS_TAIL: u64 = 0x41C;

/// Tells the failure everywhere, waits for a key, and resets the machine.
#[unsafe(export_name = "loader_fail")]
pub fn fail(failure: &Failure) -> ! {
    console::tell_ports(failure);
    // The kernel's screen may be set already, in which letters are hard to read or do not show.
    leave_graphics();
    write(b'\r');
    write(b'\n');
    failure.tell(&mut write);
    forget_keys();
    thunk::call(0x16, &mut Registers::default());
    console::reset()
}

/// Goes back to mode 3 if the BIOS is in another.
fn leave_graphics() {
    if video(0x0F00, 0).eax & 0x7F != TEXT_MODE_3 {
        video(TEXT_MODE_3, 0);
    }
}

/// Writes a byte at the cursor; a line feed begins a new line.
fn write(byte: u8) {
    if byte == b'\n' {
        write(b'\r');
    }
    video(0x0E00 | u32::from(byte), 7);
}

/// Calls INT 10h. A20 may be off afterwards: all that is used from here on lies below 1 MiB.
fn video(eax: u32, ebx: u32) -> Registers {
    let mut registers = Registers {
        eax,
        ebx,
        ..Registers::default()
    };
    thunk::call(0x10, &mut registers);
    registers
}

/// Empties the BIOS's buffer of keys: one that was pressed before would end the failure's display at once.
fn forget_keys() {
    // SAFETY: the BIOS's data area is mapped; nothing runs that puts keys into the buffer meanwhile.
    unsafe {
        let head = physical::read::<u16>(KEYS_HEAD);
        (KEYS_TAIL as *mut u16).write_volatile(head);
    }
}
