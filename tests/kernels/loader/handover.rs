//! A kernel that says what it was handed, on the serial port, and then does what its letter says.
//!
//! It links no library, so that nothing but the loader has touched the machine. The test puts the letter into .data:
//! h halt, r return, g write to the stack's guard page, t write to text, d run data, n read page 0.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::hint::black_box;

global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "mov rsi, rsp",
    "pushfq",
    "pop rdx",
    "cld",
    "push rax", // the stack is whole sixteens before the call
    "call {report}",
    "pop rax",
    "ret",
    ".section .tdata.template, \"awTR\", @progbits",
    ".ascii \"template\"",
    ".section .tbss.room, \"awTR\", @nobits",
    ".zero 24",
    report = sym report,
);

/// Found and changed by the test; its page is .data's.
#[unsafe(link_section = ".data")]
static LETTER: [u8; 16] = *b"letter of test=h";

/// Three pages that must be zero.
static mut BSS: [u8; 0x3000] = [0; 0x3000];

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    tell("panic", 1);
    halt()
}

fn put(byte: u8) {
    // SAFETY: the serial port's data register; QEMU's needs no setting up.
    unsafe { asm!("out dx, al", in("dx") 0x3F8u16, in("al") byte) }
}

/// Says `name=value`, in hexadecimal, on a line.
fn tell(name: &str, value: u64) {
    name.bytes().for_each(put);
    put(b'=');
    for shift in (0..16).rev() {
        put(b"0123456789abcdef"[(value >> (shift * 4) & 15) as usize]);
    }
    put(b'\n');
}

fn halt() -> ! {
    loop {
        // SAFETY: nothing is left to do.
        unsafe { asm!("cli", "hlt") }
    }
}

/// What the keyboard controller answers to a command.
fn ask_keyboard_controller(command: u8) -> u8 {
    let read = |port: u16| {
        let value: u8;
        // SAFETY: reading the controller's two ports takes what it holds, which nobody else waits for.
        unsafe { asm!("in al, dx", in("dx") port, out("al") value) }
        value
    };
    while read(0x64) & 1 != 0 {
        read(0x60);
    }
    // SAFETY: the commands that are sent read.
    unsafe { asm!("out 0x64, al", in("al") command) }
    while read(0x64) & 1 == 0 {}
    read(0x60)
}

extern "sysv64" fn report(boot_info: *const [u64; 199], stack: u64, flags: u64) {
    let (low, high): (u64, u64);
    // SAFETY: reads the cycles since the machine began, before much else is done.
    unsafe { asm!("rdtsc", out("rax") low, out("rdx") high) };
    let (mut cs, mut ds, mut ss, mut fs, mut gs): (u64, u64, u64, u64, u64);
    let (mut idt, mut gdt) = ([0u16; 5], [0u16; 5]);
    // SAFETY: reads registers and stores table pointers into two arrays.
    unsafe {
        asm!("mov {:e}, cs", "mov {:e}, ds", "mov {:e}, ss", out(reg) cs, out(reg) ds, out(reg) ss);
        asm!("mov {:e}, fs", "mov {:e}, gs", out(reg) fs, out(reg) gs);
        asm!("sidt [{}]", "sgdt [{}]", in(reg) &raw mut idt, in(reg) &raw mut gdt);
    }
    tell("tsc", high << 32 | low);
    tell("boot_info", boot_info as u64);
    tell("stack", stack);
    tell("flags", flags);
    tell("cs", cs);
    tell("ds", ds);
    tell("ss", ss);
    tell("fs", fs);
    tell("gs", gs);
    tell("idt_limit", black_box(idt)[0].into());
    tell("gdt_limit", black_box(gdt)[0].into());
    // SAFETY: the handover's promise; volatile, so that the compiler does not believe the array's declaration.
    let dirty = (0..0x3000)
        .filter(|&at| unsafe { (&raw const BSS).cast::<u8>().add(at).read_volatile() } != 0);
    tell("bss_dirty", dirty.count() as u64);
    tell("output_port", ask_keyboard_controller(0xD0).into());
    for index in 0..199 {
        // SAFETY: BootInfo has 1,576 bytes, 1,592 with two features, and a page of its own.
        tell("info", unsafe { (*boot_info)[index] });
    }
    // Loading selectors anew works only while the loader's table is mapped.
    // SAFETY: 10h is the data selector of the handover.
    unsafe { asm!("mov {0:e}, 0x10", "mov ds, {0:e}", "mov ss, {0:e}", out(reg) _) };
    // SAFETY: the screen's memory is mapped.
    unsafe { (0xB8000 as *mut [u8; 2]).write_volatile(*b"K\x0f") };
    tell("done", 1);
    // SAFETY: as above; the letters but h and r are there to fault.
    unsafe {
        match black_box(&LETTER)[15] {
            b'r' => return,
            b'g' => ((stack - 0x20_0000 - 8) as *mut u64).write_volatile(1),
            b't' => (report as *mut u8).write_volatile(1),
            b'd' => core::mem::transmute::<*const u8, extern "sysv64" fn()>(
                (&raw const LETTER).cast(),
            )(),
            b'n' => {
                asm!("mov {0}, [{0}]", inout(reg) 0u64 => _);
            }
            _ => {}
        }
    }
    halt()
}
