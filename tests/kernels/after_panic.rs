//! Kernels that panic, and what their handlers do then: a test sets which.

#![no_std]
#![no_main]
#![allow(unexpected_cfgs)]

include!("faults/idt.inc");
include!("timer.inc");

core::arch::global_asm!(
    ".global tick",
    "tick: push rax",
    "dec dword ptr [rip + {left}]",
    "jnz 2f",
    "mov eax, 0x14",
    "out 0xf4, eax",
    "2: mov al, 0x20",
    "out 0x20, al",
    "pop rax",
    "iretq",
    left = sym LEFT,
);

/// How many ticks the timer's handler waits before it ends the machine: two seconds.
static mut LEFT: u32 = 37;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    hello::serial_println!("before the fault");
    cause();
    hello::cpu::halt()
}

#[inline(never)]
fn cause() {
    let number = core::hint::black_box(3);
    assert_eq!(number, 4, "the answer");
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    hello::serial_println!("{info}");
    if cfg!(counts_down) {
        // SAFETY: a loop of one register, and a device that ends the machine.
        unsafe {
            core::arch::asm!(
                "2: dec {left}", "jnz 2b", "out 0xf4, eax",
                left = inout(reg) 300_000_000_u64 => _, in("eax") 0x14,
            );
        }
    }
    if cfg!(is_interrupted) {
        let_the_timer_tick();
    }
    if cfg!(spins) {
        loop {
            core::hint::spin_loop();
        }
    }
    loop {}
}
