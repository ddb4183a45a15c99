//! The timer and the keyboard, which wake tasks.
use crate::task::{clock, keyboard};
use pic8259::ChainedPics;
use spin::{Lazy, Mutex};
use x86_64::instructions::port::PortReadOnly;
use x86_64::structures::idt::{InterruptDescriptorTable, InterruptStackFrame};

const BASE: u8 = 0x20;
// SAFETY: vectors 20h to 2Fh are free.
static PICS: Mutex<ChainedPics> = Mutex::new(unsafe { ChainedPics::new_contiguous(BASE) });

static IDT: Lazy<InterruptDescriptorTable> = Lazy::new(|| {
    let mut idt = InterruptDescriptorTable::new();
    idt[BASE].set_handler_fn(timer);
    idt[BASE + 1].set_handler_fn(key);
    idt.breakpoint.set_handler_fn(breakpoint);
    idt
});

pub fn init() {
    IDT.load();
    // SAFETY: the table is loaded; all lines but timer and keyboard are masked.
    unsafe {
        let mut pics = PICS.lock();
        pics.initialize();
        pics.write_masks(0xfc, 0xff);
    }
    x86_64::instructions::interrupts::enable();
}

extern "x86-interrupt" fn breakpoint(_: InterruptStackFrame) {
    keyboard::add(0x30); // as if B had been pressed
}

extern "x86-interrupt" fn timer(_: InterruptStackFrame) {
    clock::tick();
    // SAFETY: this line's interrupt is being handled.
    unsafe { PICS.lock().notify_end_of_interrupt(BASE) };
}

extern "x86-interrupt" fn key(_: InterruptStackFrame) {
    // SAFETY: reading the data port takes the byte.
    keyboard::add(unsafe { PortReadOnly::new(0x60).read() });
    // SAFETY: this line's interrupt is being handled.
    unsafe { PICS.lock().notify_end_of_interrupt(BASE + 1) };
}
