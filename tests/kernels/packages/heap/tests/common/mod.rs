//! Entry and panic handler of each program of tests.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    heap::memory::init();
    crate::test_main();
    heap::testing::exit(heap::testing::Verdict::Passed)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    heap::testing::panicked(info)
}
