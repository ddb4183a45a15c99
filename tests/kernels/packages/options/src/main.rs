//! Prints how it was built: features, profile, and what its dependencies make of them.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(qemu::run)]
#![reexport_test_harness_main = "tests"]

mod qemu;

bitflags::bitflags! {
    #[derive(Debug)]
    struct Built: u8 {
        const COLOR = 1;
        const SMP = 2;
        const TRACE = 4;
        const DEBUG = 8;
    }
}

const fn built() -> Built {
    let mut bits = cfg!(feature = "color") as u8 | (cfg!(feature = "smp") as u8) << 1;
    bits |= (cfg!(feature = "trace") as u8) << 2 | (cfg!(debug_assertions) as u8) << 3;
    Built::from_bits_truncate(bits)
}

#[no_mangle]
extern "C" fn _start() -> ! {
    #[cfg(test)]
    tests();
    qemu::say(format_args!(
        "built {:?}, version {}\n",
        built(),
        env!("CARGO_PKG_VERSION_PRE")
    ));
    #[cfg(feature = "smp")]
    {
        let mut processors = heapless::Vec::<u32, 4>::new();
        processors.extend(0..2);
        qemu::say(format_args!("processors {processors:?}\n"));
    }
    qemu::say(format_args!("log up to {}\n", log::STATIC_MAX_LEVEL));
    qemu::halt()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    qemu::say(format_args!("[failed]\n{info}\n"));
    qemu::exit(qemu::FAILED)
}

#[test_case]
fn debug_assertions_are_on() {
    assert!(built().contains(Built::DEBUG));
}

#[test_case]
#[cfg(feature = "smp")]
fn the_feature_brings_its_crate() {
    assert_eq!(heapless::Vec::<u8, 3>::new().capacity(), 3);
}

#[test_case]
#[cfg(not(feature = "smp"))]
fn there_is_one_processor() {
    assert!(!built().contains(Built::SMP));
}
