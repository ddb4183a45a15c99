//! I/O ports: the second address space of x86, one byte or one double word at a time.

use core::arch::asm;

/// One port that is read and written in bytes.
#[derive(Clone, Copy)]
pub struct Port(u16);

impl Port {
    /// Names a port; nothing is touched yet.
    ///
    /// # Safety
    /// Reads and writes of this port must not break what the program relies on.
    #[must_use]
    pub const unsafe fn new(number: u16) -> Self {
        Self(number)
    }

    #[must_use]
    pub fn read(self) -> u8 {
        let value: u8;
        // SAFETY: whoever called `new` vouched for this port.
        unsafe {
            asm!("in al, dx", out("al") value, in("dx") self.0, options(nomem, nostack, preserves_flags));
        };
        value
    }

    pub fn write(self, value: u8) {
        // SAFETY: as above.
        unsafe {
            asm!("out dx, al", in("dx") self.0, in("al") value, options(nomem, nostack, preserves_flags));
        };
    }
}
