//! A stack overflow whose double fault a handler gets, on a stack of its own.

#![no_std]
#![no_main]

include!("frame.inc");

core::arch::global_asm!(".global double_fault", "double_fault: cld", "call {handler}", "ud2", handler = sym handler);

unsafe extern "C" {
    fn double_fault();
}

static mut SPARE: [u64; 2048] = [0; 2048];
static mut TSS: [u32; 26] = [0; 26];
// Nothing, 64-bit code at selector 8, and the TSS at 16.
static mut GDT: [u64; 4] = [0, 0x00af_9b00_0000_ffff, 0, 0];
static mut IDT: [[u64; 2]; 32] = [[0; 2]; 32];

#[inline(never)]
extern "C" fn handler() -> ! {
    panic!("a double fault")
}

fn load_tables() {
    let (tss, gdt, idt) = (
        &raw const TSS as u64,
        &raw const GDT as u64,
        &raw const IDT as u64,
    );
    let handler = double_fault as *const () as u64;
    let end = &raw const SPARE as u64 + 16384;
    // SAFETY: nobody else uses the tables; the code selector stays what it was.
    unsafe {
        (TSS[9], TSS[10]) = (end as u32, (end >> 32) as u32); // interrupt stack 1
        GDT[2] = 103 | (tss & 0xff_ffff) << 16 | 0x89 << 40 | (tss >> 24 & 0xff) << 56;
        GDT[3] = tss >> 32;
        IDT[8] = [
            handler & 0xffff | 8 << 16 | 0x8e01 << 32 | (handler >> 16 & 0xffff) << 48,
            handler >> 32,
        ];
        core::arch::asm!("lgdt [{}]", in(reg) &[gdt << 16 | 31, gdt >> 48]);
        core::arch::asm!("ltr {:x}", in(reg) 16_u16);
        core::arch::asm!("lidt [{}]", in(reg) &[idt << 16 | 0x1ff, idt >> 48]);
    }
}

#[inline(never)]
fn cause() {
    load_tables();
    recurse(0);
}

#[inline(never)]
#[expect(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    // FAULT
    let mut kept = [depth; 16];
    core::hint::black_box(&mut kept);
    recurse(depth + 1) + kept[depth as usize % 16] // FAULT
}
