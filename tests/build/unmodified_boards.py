"""Kernels for other machines than the PC, as authors write them: the files of packages of unmodified.py."""

from __future__ import annotations

THUMB = {
    "memory.x": "MEMORY { FLASH : ORIGIN = 0, LENGTH = 4M\n RAM : ORIGIN = 0x20000000, LENGTH = 4M }\n",
    "link.x": "INCLUDE memory.x\nENTRY(Reset)\nEXTERN(RESET_VECTOR)\n"
    "SECTIONS {\n  .vectors ORIGIN(FLASH) : { LONG(ORIGIN(RAM) "
    "+ LENGTH(RAM)); KEEP(*(.vectors.reset)); . += 56; } > FLASH\n  .text : { *(.text*) *(.rodata*) } > FLASH\n"
    "  .bss : { *(.bss*) *(.data*) } > RAM\n  /DISCARD/ : { *(.ARM.exidx*) }\n}\n",
    "src/main.rs": """#![no_std]
#![no_main]
#[no_mangle]
pub extern "C" fn Reset() -> ! {
    for byte in *b"from the vector\\n" {
        unsafe { core::arch::asm!("bkpt 0xab", inlateout("r0") 3usize => _, in("r1") &raw const byte) };
    }
    unsafe { core::arch::asm!("bkpt 0xab", in("r0") 0x18usize, in("r1") 0x20026usize) };
    loop {}
}
#[used]
#[link_section = ".vectors.reset"]
pub static RESET_VECTOR: extern "C" fn() -> ! = Reset;
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
""",
    ".cargo/config.toml": '[build]\ntarget = "thumbv7em-none-eabihf"\n\n[target.thumbv7em-none-eabihf]\n'
    'rustflags = ["-C", "link-arg=-Tlink.x"]\nrunner = "qemu-system-arm -machine mps2-an386 -kernel"\n',
}
# Boards of QEMU's that are not ours: their serial ports are elsewhere, and their memory ends sooner.
LM3S = {
    **THUMB,
    "memory.x": "MEMORY { FLASH : ORIGIN = 0, LENGTH = 256K\n RAM : ORIGIN = 0x20000000, LENGTH = 64K }\n",
    "src/main.rs": THUMB["src/main.rs"]
    .replace("from the vector", "by its own UART")
    .replace(
        'core::arch::asm!("bkpt 0xab", inlateout("r0") 3usize => _, in("r1") &raw const byte)',
        "(0x4000_c000 as *mut u32).write_volatile(byte as u32)",
    ),
    ".cargo/config.toml": '[build]\ntarget = "thumbv7m-none-eabi"\n\n[target.thumbv7m-none-eabi]\n'
    'rustflags = ["-C", "link-arg=-Tlink.x"]\nrunner = """qemu-system-arm -cpu cortex-m3 -machine lm3s6965evb \\\n'
    ' -nographic -semihosting-config enable=on,target=native -kernel"""\n',
}
RASPBERRY = {
    "link.ld": "ENTRY(_start)\nSECTIONS { . = 0x80000; .text : { KEEP(*(.text.boot)) *(.text*) } .rodata : "
    "{ *(.rodata*) } .data : { *(.data*) } .bss : { *(.bss*) } . += 0x10000; stack = ALIGN(16); }\n",
    "src/main.rs": """#![no_std]
#![no_main]
core::arch::global_asm!(".section .text.boot", ".global _start", "_start: mrs x0, mpidr_el1", "and x0, x0, 3",
    "cbnz x0, 1f", "ldr x0, =stack", "mov sp, x0", "bl rust_main", "1: wfe", "b 1b");
#[no_mangle]
extern "C" fn rust_main() -> ! {
    let level: u64;
    unsafe { core::arch::asm!("mrs {}, CurrentEL", out(reg) level) };
    let mut text = *b"level 0, by a Raspberry's UART\\n";
    text[6] += (level >> 2) as u8;
    for byte in text {
        unsafe { (0x3f20_1000 as *mut u32).write_volatile(byte as u32) };
    }
    let status = [0x20026usize, 0];
    unsafe { core::arch::asm!("hlt 0xf000", in("x0") 0x18, in("x1") &raw const status) };
    loop {}
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
""",
    ".cargo/config.toml": '[build]\ntarget = "aarch64-unknown-none-softfloat"\nrustflags = ["-Clink-arg=-Tlink.ld"]\n'
    "[target.'cfg(target_os = \"none\")']\n"
    'runner = ["qemu-system-aarch64", "-M", "raspi3b", "-serial", "stdio", "-display", "none", "-kernel"]\n',
}
# Machine mode begins at 0x80000000, where the script puts another function than _start.
ASTRAY = {
    "link.ld": "ENTRY(_start)\nSECTIONS { . = 0x80000000; .text : { KEEP(*(.first)) *(.text*) } }\n",
    "src/main.rs": """#![no_std]
#![no_main]
#[no_mangle]
#[link_section = ".first"]
pub extern "C" fn another() -> ! { loop {} }
#[no_mangle]
pub extern "C" fn _start() -> ! { loop {} }
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
""",
    ".cargo/config.toml": '[build]\ntarget = "riscv64gc-unknown-none-elf"\nrustflags = ["-Clink-arg=-Tlink.ld"]\n',
}
