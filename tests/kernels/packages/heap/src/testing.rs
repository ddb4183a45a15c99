//! Tests in the machine: names on the serial port, the verdict by isa-debug-exit.
use crate::{print, println};
use core::panic::PanicInfo;

#[repr(u32)]
pub enum Verdict {
    Passed = 0x10,
    Failed = 0x11,
}

pub fn exit(verdict: Verdict) -> ! {
    // SAFETY: the port is QEMU's isa-debug-exit, or nobody's.
    unsafe { core::arch::asm!("out dx, eax", in("dx") 0xf4, in("eax") verdict as u32) };
    loop {
        // SAFETY: waits for what will not come.
        unsafe { core::arch::asm!("cli", "hlt") };
    }
}

pub trait Test {
    fn run(&self);
}

impl<F: Fn()> Test for F {
    fn run(&self) {
        print!("{}... ", core::any::type_name::<F>());
        self();
        println!("[ok]");
    }
}

pub fn run(tests: &[&dyn Test]) {
    println!("running {} tests", tests.len());
    tests.iter().for_each(|test| test.run());
    exit(Verdict::Passed);
}

pub fn panicked(info: &PanicInfo) -> ! {
    println!("[failed]\n{info}");
    exit(Verdict::Failed)
}
