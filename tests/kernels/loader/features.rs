//! A kernel that uses what the features of bootloader 0.9 give it, and says on the serial port what it found.
//!
//! The test puts letters into .data: p physical memory, c the recursive table, v mode 13h, w its colours, s SSE. Fields
//! of BootInfo are where the letters say: the recursive one stands before that of physical memory.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::hint::black_box;

global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "call {main}",
    main = sym main,
);

/// Found and changed by the test.
#[unsafe(link_section = ".data")]
static LETTERS: [u8; 20] = *b"letter of test=h    ";

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

/// Walks the page tables from the frame in CR3; `at` says where a frame shows.
fn translate(address: u64, at: impl Fn(u64) -> u64) -> u64 {
    let cr3: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr3", out(reg) cr3) }
    let mut table = cr3 & !0xFFF;
    for level in (1..=4).rev() {
        let index = address >> (12 + 9 * (level - 1)) & 511;
        let entry = read(at(table) + index * 8);
        if entry & 1 == 0 {
            return !0;
        }
        table = entry & 0x000F_FFFF_FFFF_F000;
        if level == 2 && entry & 0x80 != 0 {
            return table + (address & 0x1F_FFFF);
        }
    }
    table + (address & 0xFFF)
}

extern "sysv64" fn main(boot_info: u64) -> ! {
    let letters = black_box(&LETTERS);
    let has = |letter: u8| letters[15..].contains(&letter);
    tell("boot_info", boot_info);
    let field = |index: u64| read(boot_info + index * 8);
    (193..199).for_each(|index| tell("field", field(index)));
    let physical = field(193 + u64::from(has(b'c')));
    if has(b'p') {
        tell("screen", translate(0xB8000, |frame| physical + frame));
        tell(
            "image",
            translate(main as *const () as u64, |frame| physical + frame),
        );
        let own = translate(main as *const () as u64, |frame| physical + frame);
        tell(
            "same",
            u64::from(read(physical + own) == read(main as *const () as u64)),
        );
        tell(
            "high",
            translate(physical + 0xFEE0_0000, |frame| physical + frame),
        );
        // SAFETY: the screen's memory, through the map.
        unsafe { ((physical + 0xB8000) as *mut u16).write_volatile(0x0F50) }
    }
    if has(b'c') {
        let top = field(193);
        let cr3: u64;
        // SAFETY: reads a register.
        unsafe { asm!("mov {}, cr3", out(reg) cr3) }
        let index = top >> 12 & 511;
        tell(
            "itself",
            u64::from(read(top + index * 8) & !0xFFF == cr3 & !0xFFF),
        );
        // The lowest table of the screen, by three steps through the recursive entry.
        let sign = 0xFFFF << 48 & (0u64.wrapping_sub(index >> 8));
        let lowest = sign | index << 39 | 0xB8 << 3;
        tell("screen_entry", read(lowest) & !0x60);
    }
    if has(b'v') {
        for pixel in 0..320 * 200 {
            // SAFETY: mode 13h's memory.
            unsafe { ((0xA0000 + pixel) as *mut u8).write_volatile(40) }
        }
    }
    if has(b'w') {
        // SAFETY: the VGA's palette, read from its first colour on.
        unsafe { asm!("out dx, al", in("dx") 0x3C7u16, in("al") 0u8) }
        for _ in 0..256 {
            let colour = (0..3).fold(0, |colour: u64, _| {
                let part: u8;
                // SAFETY: as above.
                unsafe { asm!("in al, dx", in("dx") 0x3C9u16, out("al") part) }
                colour << 8 | u64::from(part)
            });
            tell("colour", colour);
        }
    }
    let (cr0, cr4): (u64, u64);
    // SAFETY: reads registers.
    unsafe { asm!("mov {}, cr0", "mov {}, cr4", out(reg) cr0, out(reg) cr4) }
    tell("cr0", cr0);
    tell("cr4", cr4);
    if has(b's') {
        let mut sum = [0u32; 4];
        // SAFETY: two of the registers that SSE has, and 16 bytes on the stack.
        unsafe {
            asm!(
                "movd xmm0, {0:e}", "pshufd xmm0, xmm0, 0", "movups xmm1, xmm0", "paddd xmm1, xmm0",
                "movups [{1}], xmm1", in(reg) 21, in(reg) &raw mut sum,
            )
        }
        tell(
            "sum",
            black_box(sum).iter().map(|&part| u64::from(part)).sum(),
        );
    }
    tell("done", 1);
    halt()
}
