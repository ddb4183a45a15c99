//! It dies in the way that the word at `CHOICE` says, which QEMU's device `loader` puts there.

#![no_std]
#![no_main]

use core::arch::asm;
use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};

/// A place in memory where nothing of the kernel lies, on the board of this architecture.
#[cfg(all(target_arch = "arm", target_has_atomic = "32"))]
const CHOICE: *const u32 = 0x2020_0000 as *const u32;
#[cfg(all(target_arch = "arm", not(target_has_atomic = "32")))]
const CHOICE: *const u32 = 0x2000_2000 as *const u32;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
const CHOICE: *const u32 = 0x8400_0000 as *const u32;
#[cfg(target_arch = "aarch64")]
const CHOICE: *const u32 = 0x4400_0000 as *const u32;

/// Where no board has anything.
#[cfg(not(all(target_arch = "arm", not(target_has_atomic = "32"))))]
const NOWHERE: usize = 0xf000_0000;
#[cfg(all(target_arch = "arm", not(target_has_atomic = "32")))]
const NOWHERE: usize = 0x8000_0000;

static HELD: AtomicBool = AtomicBool::new(true);

struct SpinLock;

impl SpinLock {
    #[inline(never)]
    fn lock(&self) {
        while HELD.load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
    }
}

#[inline(never)]
fn cause(choice: u32) {
    match choice {
        // SAFETY: none; each of these is what the kernel is to die of.
        1 => unsafe { (NOWHERE as *mut u32).write_volatile(1) }, // no memory
        2 => panic!("on purpose {}", black_box(choice)),         // panic
        3 => while HELD.load(Ordering::Relaxed) {},              // hang
        4 => illegal(),                                          // illegal instruction
        5 => jump(NOWHERE),                                      // wild jump
        6 => _ = recurse(1),                                     // stack overflow
        7 => SpinLock.lock(),                                    // deadlock
        8 => trap(),                                             // trap without handler
        9 => jump(0),                                            // null function
        10 => _ = black_box([1_u8; 4])[black_box(choice as usize)], // panic
        _ => {}
    }
}

#[inline(never)]
fn inner(choice: u32) {
    cause(choice);
    black_box(choice);
}

#[inline(never)]
fn outer(choice: u32) {
    inner(choice);
    black_box(choice);
}

#[inline(always)]
fn illegal() {
    // SAFETY: none.
    unsafe {
        #[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
        asm!("udf #0"); // illegal instruction
        #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
        asm!("unimp"); // illegal instruction
    }
}

#[inline(always)]
fn trap() {
    // SAFETY: none.
    unsafe {
        #[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
        asm!("svc #0"); // trap without handler
        #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
        asm!("ecall"); // trap without handler
    }
}

#[inline(always)]
fn jump(address: usize) {
    let address = black_box(address) | usize::from(cfg!(target_arch = "arm"));
    // SAFETY: none.
    unsafe { core::mem::transmute::<usize, extern "C" fn()>(address)() }; // wild jump, null function
    black_box(address);
}

#[inline(never)]
fn recurse(depth: u32) -> u32 {
    let room = black_box([depth; 64]); // stack overflow
    match black_box(true) {
        true => recurse(depth + 1) + room[(depth % 64) as usize], // stack overflow
        false => 0,
    }
}

/// Where the linker script leads to.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    // SAFETY: QEMU put it there.
    outer(unsafe { CHOICE.read_volatile() });
    loop {
        core::hint::spin_loop(); // waits
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
