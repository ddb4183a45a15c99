//! Exceptions, the timer and the keyboard.
use crate::{gdt, println};
use core::sync::atomic::{AtomicUsize, Ordering};
use lazy_static::lazy_static;
use pc_keyboard::{layouts, DecodedKey, HandleControl, Keyboard, ScancodeSet1};
use pic8259::ChainedPics;
use spin::Mutex;
use x86_64::instructions::port::Port;
use x86_64::structures::idt::{InterruptDescriptorTable, InterruptStackFrame};

const TIMER: u8 = 32;
const KEYBOARD: u8 = TIMER + 1;

pub static PICS: Mutex<ChainedPics> = Mutex::new(unsafe { ChainedPics::new(TIMER, TIMER + 8) });
static TICKS: AtomicUsize = AtomicUsize::new(0);
static BREAKPOINTS: AtomicUsize = AtomicUsize::new(0);

lazy_static! {
    static ref IDT: InterruptDescriptorTable = {
        let mut idt = InterruptDescriptorTable::new();
        idt.breakpoint.set_handler_fn(breakpoint_handler);
        unsafe {
            idt.double_fault
                .set_handler_fn(double_fault_handler)
                .set_stack_index(gdt::DOUBLE_FAULT_IST_INDEX);
        }
        idt[usize::from(TIMER)].set_handler_fn(timer_handler);
        idt[usize::from(KEYBOARD)].set_handler_fn(keyboard_handler);
        idt
    };
    static ref KEYS: Mutex<Keyboard<layouts::Us104Key, ScancodeSet1>> = Mutex::new(Keyboard::new(
        ScancodeSet1::new(),
        layouts::Us104Key,
        HandleControl::Ignore
    ));
}

pub fn init_idt() {
    IDT.load();
}

pub fn ticks() -> usize {
    TICKS.load(Ordering::Relaxed)
}

pub fn breakpoints() -> usize {
    BREAKPOINTS.load(Ordering::Relaxed)
}

/// The character that a scancode completes.
pub fn decode(scancode: u8) -> Option<char> {
    let mut keys = KEYS.lock();
    let event = keys.add_byte(scancode).ok()??;
    match keys.process_keyevent(event)? {
        DecodedKey::Unicode(character) => Some(character),
        DecodedKey::RawKey(_) => None,
    }
}

extern "x86-interrupt" fn breakpoint_handler(_frame: InterruptStackFrame) {
    BREAKPOINTS.fetch_add(1, Ordering::Relaxed);
}

extern "x86-interrupt" fn double_fault_handler(frame: InterruptStackFrame, _code: u64) -> ! {
    panic!("EXCEPTION: DOUBLE FAULT\n{:#?}", frame);
}

extern "x86-interrupt" fn timer_handler(_frame: InterruptStackFrame) {
    TICKS.fetch_add(1, Ordering::Relaxed);
    unsafe { PICS.lock().notify_end_of_interrupt(TIMER) };
}

extern "x86-interrupt" fn keyboard_handler(_frame: InterruptStackFrame) {
    let scancode: u8 = unsafe { Port::new(0x60).read() };
    if let Some(character) = decode(scancode) {
        println!("{}", character);
    }
    unsafe { PICS.lock().notify_end_of_interrupt(KEYBOARD) };
}

#[test_case]
fn a_breakpoint_is_survived() {
    let before = breakpoints();
    x86_64::instructions::interrupts::int3();
    assert_eq!(breakpoints(), before + 1);
}

#[test_case]
fn the_timer_ticks() {
    let start = ticks();
    while ticks() == start {
        x86_64::instructions::hlt();
    }
}

#[test_case]
fn a_scancode_is_a_letter() {
    assert_eq!(decode(0x1e), Some('a'));
    assert_eq!(decode(0x9e), None);
}
