//! A kernel of bootloader_api 0.11 without that crate: it says what it was handed on the serial port, and uses it.
//!
//! The test changes the configuration, which has the crate's section, and the letter: h halt, w write to RELRO,
//! g write to the stack's guard page.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::hint::black_box;

global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "mov rsi, rsp",
    "mov rdx, rbp",
    "and rsp, -16",
    "call {main}",
    ".section .tdata.template, \"awTR\", @progbits",
    ".ascii \"template\"",
    ".section .tbss.room, \"awTR\", @nobits",
    ".zero 24",
    main = sym main,
);

/// The UUID; the rest is the test's.
#[used]
#[unsafe(link_section = ".bootloader-config")]
static CONFIG: [u8; 133] = {
    let mut config = [0; 133];
    let uuid = 0x3D25_1589_155C_55BB_A046_3609_61A9_3C74u128.to_le_bytes();
    let mut index = 0;
    while index < 16 {
        config[index] = uuid[index];
        index += 1;
    }
    config
};

/// Found and changed by the test.
#[unsafe(link_section = ".data")]
static LETTER: [u8; 16] = *b"letter of test=h";

/// Pointers that a movable kernel has relocated; RELRO makes them read-only.
static POINTERS: [fn(u64) -> u64; 3] = [double, triple, double];

static mut BSS: [u8; 0x3000] = [0; 0x3000];

fn double(value: u64) -> u64 {
    value * 2
}

fn triple(value: u64) -> u64 {
    value * 3
}

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

fn read(address: u64) -> u64 {
    // SAFETY: the handover maps what is read here.
    unsafe { (address as *const u64).read_volatile() }
}

extern "sysv64" fn main(info: u64, stack: u64, base: u64) -> ! {
    let (mut cs, mut ss, cr3): (u64, u64, u64);
    // SAFETY: reads registers.
    unsafe {
        asm!("mov {:e}, cs", "mov {:e}, ss", "mov {}, cr3", out(reg) cs, out(reg) ss, out(reg) cr3)
    }
    tell("boot_info", info);
    tell("stack", stack);
    tell("stack_word", read(stack));
    tell("rbp", base);
    tell("cs", cs);
    tell("ss", ss);
    tell("main", main as *const () as u64);
    (0..29).for_each(|index| tell("info", read(info + index * 8)));
    let (regions, count) = (read(info + 8), read(info + 16));
    (0..count * 3).for_each(|index| tell("region", read(regions + index * 8)));
    // Through tables that hold addresses, so that relocations count.
    let sum = black_box(&POINTERS).iter().map(|pointer| pointer(7)).sum();
    tell("pointers", sum);
    // SAFETY: the handover's promise.
    let dirty = (0..0x3000)
        .filter(|&at| unsafe { (&raw const BSS).cast::<u8>().add(at).read_volatile() } != 0);
    tell("bss_dirty", dirty.count() as u64);
    let option = |offset: u64| (read(info + offset) as u32 == 0).then(|| read(info + offset + 8));
    if let Some(template) = option(128) {
        tell("template", read(template));
    }
    if let Some(buffer) = option(24) {
        // SAFETY: the frame buffer is handed over: all of it becomes one grey.
        unsafe {
            asm!("rep stosb", inout("rdi") buffer => _, inout("rcx") read(info + 40) => _, in("al") 0x55u8)
        }
    }
    if let Some(ramdisk) = option(160) {
        let length = read(info + 176);
        // SAFETY: as above.
        let bytes = (0..length).map(|at| unsafe { ((ramdisk + at) as *const u8).read_volatile() });
        tell(
            "ramdisk",
            bytes.fold(0, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte)),
        );
    }
    let top = cr3 & !0xFFF;
    if let Some(offset) = option(88) {
        tell(
            "by_offset",
            read(offset + top + black_box(main as *const () as u64) / (1 << 39) % 512 * 8) & 1,
        );
        tell("elf_magic", read(offset + read(info + 184)) & 0xFFFF_FFFF);
    }
    if read(info + 104) as u32 == 0 {
        let index = read(info + 104) >> 32 & 0xFFFF;
        let sign = 0xFFFF << 48 & 0u64.wrapping_sub(index >> 8);
        let table = sign | index << 39 | index << 30 | index << 21 | index << 12;
        tell(
            "itself",
            u64::from(read(table + index * 8) & 0x000F_FFFF_FFFF_F000 == top),
        );
    }
    tell("done", 1);
    // SAFETY: the letters but h are there to fault.
    unsafe {
        match black_box(&LETTER)[15] {
            b'w' => ((&raw const POINTERS) as *mut u64).write_volatile(1),
            b'g' => ((read(info + 208) - 8) as *mut u64).write_volatile(1),
            _ => {}
        }
    }
    halt()
}
