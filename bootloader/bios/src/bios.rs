//! The one door to the BIOS: an interrupt with registers in and out, after which A20 is as it was.

pub use crate::thunk::Registers;
use crate::{a20, console, thunk};

/// Calls INT `vector`. Afterwards A20 is on if it was before, whatever the BIOS did to it; a machine that refuses to turn
/// it on again cannot be used further.
pub fn call(vector: u8, registers: &mut Registers) {
    let a20_was_on = a20::is_on();
    thunk::call(vector, registers);
    if a20_was_on {
        // Nothing is done where it is on still.
        a20::enable().unwrap_or_else(|failure| console::fail(&failure));
    }
}

/// Calls the network card's ROM: `ebx` is the number of the call, `es:edi` its structure, `eax` the answer's status.
pub fn call_network(registers: &mut Registers) {
    let a20_was_on = a20::is_on();
    thunk::call_network(registers);
    if a20_was_on {
        a20::enable().unwrap_or_else(|failure| console::fail(&failure));
    }
}

/// The segment and offset by which real mode names an address below 1 MiB.
pub fn far(address: usize) -> (u16, u16) {
    ((address >> 4) as u16, (address & 15) as u16)
}
