//! A kernel that dumps the machine as its loader left it: processor, tables, boot information, VGA, PICs, PIT, keyboard.
//!
//! Each line is `name value...`, hexadecimal. What a program cannot read (page tables, the PICs' vectors) is asked of
//! QEMU by the test, once the last line has come. Nothing is programmed that is not dumped before.

#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;

use hello::port::Port;
use hello::serial_println;

// Flags and stack pointer as they are at the first instruction.
global_asm!(
    ".global _start",
    "_start:",
    "mov rsi, rsp",
    "pushfq",
    "pop rdx",
    "jmp {dump}",
    dump = sym dump,
);

const BOOT_INFO_SIZE: usize = 64 * 24 + 8 + 24;
const MEMORY_MAP_SIZE: usize = 64 * 24 + 8;

/// A pseudo-descriptor, as sgdt and sidt write it.
#[repr(C, packed)]
#[derive(Default)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Names a port of a device that this kernel has for itself.
fn port(number: u16) -> Port {
    // SAFETY: nothing relies on the devices whose ports are named below, and serial output uses none of them.
    unsafe { Port::new(number) }
}

/// Reads a register behind an index port.
fn indexed(index: u16, data: u16, register: u8) -> u8 {
    port(index).write(register);
    port(data).read()
}

fn print_bytes(name: &str, bytes: impl Iterator<Item = u8>) {
    hello::serial_print!("{name}");
    bytes.for_each(|byte| hello::serial_print!(" {byte:02x}"));
    serial_println!();
}

/// Prints how many bytes there are and two sums that tell their order apart.
fn print_sum(name: &str, bytes: impl Iterator<Item = u8>) {
    let (count, sum) = bytes.fold((0_u32, 0_u64), |(count, sum), byte| {
        (
            count + 1,
            sum.wrapping_mul(0x100_0000_01b3)
                .wrapping_add(u64::from(byte) + 1),
        )
    });
    serial_println!("{name} {count:x} {sum:016x}");
}

extern "sysv64" fn dump(boot_info: *const u8, stack: u64, flags: u64) -> ! {
    dump_processor(boot_info, stack, flags);
    // SAFETY: the loader hands over a whole page.
    let info = unsafe { core::slice::from_raw_parts(boot_info, BOOT_INFO_SIZE) };
    for (index, entry) in info[..MEMORY_MAP_SIZE].chunks(24).enumerate() {
        print_bytes(
            if index < 64 {
                "memory_map"
            } else {
                "memory_map_length"
            },
            entry.iter().copied(),
        );
    }
    print_bytes("boot_info_tls", info[MEMORY_MAP_SIZE..].iter().copied());
    dump_vga();
    dump_chips();
    serial_println!("done");
    hello::cpu::halt()
}

fn dump_processor(boot_info: *const u8, stack: u64, flags: u64) {
    let (cr0, cr4): (u64, u64);
    let (efer_low, efer_high): (u32, u32);
    let [cs, ds, es, fs, gs, ss, task, local]: [u16; 8];
    let (mut gdt, mut idt) = (Pointer::default(), Pointer::default());
    // SAFETY: reading registers changes nothing; both pointers have room for ten bytes.
    unsafe {
        asm!("mov {}, cr0", "mov {}, cr4", out(reg) cr0, out(reg) cr4);
        asm!("rdmsr", in("ecx") 0xC000_0080_u32, out("eax") efer_low, out("edx") efer_high);
        asm!("mov {:x}, cs", "mov {:x}, ds", "mov {:x}, es", "mov {:x}, fs", out(reg) cs, out(reg) ds, out(reg) es, out(reg) fs);
        asm!("mov {:x}, gs", "mov {:x}, ss", "str {:x}", "sldt {:x}", out(reg) gs, out(reg) ss, out(reg) task, out(reg) local);
        asm!("sgdt [{}]", "sidt [{}]", in(reg) &raw mut gdt, in(reg) &raw mut idt);
    }
    serial_println!(
        "control cr0={cr0:x} cr4={cr4:x} efer={efer_high:x}:{efer_low:x} rflags={flags:x}"
    );
    serial_println!(
        "selectors cs={cs:x} ds={ds:x} es={es:x} fs={fs:x} gs={gs:x} ss={ss:x} tr={task:x} ldtr={local:x}"
    );
    serial_println!("entry rsp={stack:x} boot_info={:x}", boot_info.addr());
    let Pointer { limit, base } = gdt;
    serial_println!("gdt limit={limit:x} base={base:x}");
    for index in 0..(usize::from(limit) + 1) / 8 {
        // SAFETY: the loader keeps its table mapped.
        let entry = unsafe { (base as *const u64).add(index).read_volatile() };
        serial_println!("gdt_entry {entry:016x}");
    }
    let Pointer { limit, base } = idt;
    serial_println!("idt limit={limit:x} base={base:x}");
}

fn dump_vga() {
    print_sum("vga_text", read_memory(0xb8000, 0x8000));
    print_bytes("vga_first_cells", read_memory(0xb8000, 8));
    print_bytes(
        "vga_misc",
        [port(0x3cc).read(), port(0x3ca).read()].into_iter(),
    );
    print_bytes(
        "vga_sequencer",
        (0..5).map(|index| indexed(0x3c4, 0x3c5, index)),
    );
    print_bytes(
        "vga_crtc",
        (0..0x19).map(|index| indexed(0x3d4, 0x3d5, index)),
    );
    print_bytes(
        "vga_graphics",
        (0..9).map(|index| indexed(0x3ce, 0x3cf, index)),
    );
    print_bytes(
        "vga_attribute",
        (0..0x15).map(|index| {
            // Reading this port makes the next write go to the index. Bit 5 of that keeps the picture on.
            let _ = port(0x3da).read();
            indexed(0x3c0, 0x3c1, index | 0x20)
        }),
    );
    print_bytes("vga_palette_mask", [port(0x3c6).read()].into_iter());
    port(0x3c7).write(0);
    print_bytes("vga_palette", (0..64 * 3).map(|_| port(0x3c9).read()));
    print_sum("vga_palette_rest", (0..192 * 3).map(|_| port(0x3c9).read()));
    // The font is plane 2 of the memory at 0xa0000, seen one plane at a time.
    let [
        sequencer_map,
        sequencer_mode,
        graphics_map,
        graphics_mode,
        graphics_misc,
    ] = [
        (0x3c4, 2, 4),
        (0x3c4, 4, 7),
        (0x3ce, 4, 2),
        (0x3ce, 5, 0),
        (0x3ce, 6, 4),
    ]
    .map(|(index, register, value)| {
        let before = indexed(index, index + 1, register);
        port(index + 1).write(value);
        (index, register, before)
    });
    for character in [0x00, 0x01, 0x20, 0x41, 0x67, 0xb0, 0xfe] {
        hello::serial_print!("vga_glyph {character:02x}");
        print_bytes("", read_memory(0xa0000 + character * 32, 32));
    }
    print_sum("vga_font", read_memory(0xa0000, 0x2000));
    print_sum("vga_second_font", read_memory(0xa2000, 0x2000));
    for (index, register, before) in [
        sequencer_map,
        sequencer_mode,
        graphics_map,
        graphics_mode,
        graphics_misc,
    ] {
        port(index).write(register);
        port(index + 1).write(before);
    }
}

fn dump_chips() {
    print_bytes(
        "pic_masks",
        [port(0x21).read(), port(0xa1).read()].into_iter(),
    );
    for channel in 0..3 {
        // Read back the status alone; its upper two bits are the output and "not loaded yet".
        port(0x43).write(0xe0 | 2 << channel);
        print_bytes(
            "pit",
            [channel, port(0x40 + u16::from(channel)).read() & 0x3f].into_iter(),
        );
    }
    print_bytes(
        "system_control",
        [port(0x61).read() & 0x0f, port(0x92).read()].into_iter(),
    );
    print_bytes("keyboard_status", [port(0x64).read()].into_iter());
    print_bytes("keyboard_command", [ask_keyboard(0x20)].into_iter());
    print_bytes("keyboard_output", [ask_keyboard(0xd0)].into_iter());
    print_bytes(
        "clock",
        [indexed(0x70, 0x71, 0x0a) & 0x7f, indexed(0x70, 0x71, 0x0b)].into_iter(),
    );
    print_bytes(
        "interrupt_edges",
        [port(0x4d0).read(), port(0x4d1).read()].into_iter(),
    );
}

/// Sends a command to the keyboard controller and returns its answer.
fn ask_keyboard(command: u8) -> u8 {
    while port(0x64).read() & 2 != 0 {}
    port(0x64).write(command);
    while port(0x64).read() & 1 == 0 {}
    port(0x60).read()
}

fn read_memory(address: usize, length: usize) -> impl Iterator<Item = u8> {
    // SAFETY: the loader maps the VGA's memory to itself, and reading it is all that happens.
    (address..address + length).map(|address| unsafe { (address as *const u8).read_volatile() })
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    hello::panic::report(info)
}
