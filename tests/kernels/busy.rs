//! Kernels that are busy for ever, well or not, most of them with a timer's interrupts: a test sets which.

#![no_std]
#![no_main]
#![allow(unexpected_cfgs)]

include!("faults/frame.inc");
include!("faults/idt.inc");
include!("timer.inc");

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use hello::spin::Mutex;

core::arch::global_asm!(
    ".global tick",
    "tick: push rax",
    "inc qword ptr [rip + {ticks}]",
    "mov al, 0x20",
    "out 0x20, al",
    "pop rax",
    "iretq",
    ticks = sym TICKS,
);

static TICKS: AtomicU64 = AtomicU64::new(0);
static KEY: AtomicBool = AtomicBool::new(false);
static QUEUE: Mutex<[u64; 4]> = Mutex::new([1, 2, 3, 4]);

#[inline(never)]
fn poll(task: u64) -> bool {
    let mut queue = QUEUE.lock();
    queue[(task % 4) as usize] = task;
    black_box(queue[0]) == u64::MAX
}

#[inline(never)]
fn wake(task: u64) {
    black_box(TICKS.load(Ordering::Relaxed) + task);
}

/// As an executor that does not sleep: tasks are polled, and none is ever ready.
#[inline(never)]
fn run() {
    let mut task = 0;
    while !poll(task) {
        wake(task);
        task += 1;
    }
}

#[inline(never)]
fn read_status() -> u8 {
    let status;
    // SAFETY: reading the keyboard controller's status changes nothing.
    unsafe { core::arch::asm!("in al, 0x64", out("al") status) };
    status
}

#[inline(never)]
fn cause() {
    if cfg!(polls_a_port) {
        while read_status() & 1 == 0 {}
    }
    if cfg!(reads_a_device) {
        // SAFETY: the screen is a device that can be read.
        while unsafe { core::ptr::with_exposed_provenance::<u16>(0xb8000).read_volatile() }
            != 0xffff
        {}
    }
    let_the_timer_tick();
    if cfg!(takes_a_lock_twice) {
        let held = QUEUE.lock();
        black_box(QUEUE.lock()[0] + held[0]);
    }
    if cfg!(waits_for_a_key) {
        while !KEY.load(Ordering::Relaxed) {
            core::hint::spin_loop();
        }
    }
    run()
}
