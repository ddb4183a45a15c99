//! What the hello programs of all boards share: the entry, the greeting, a number that takes the FPU, the panic, tests.
//!
//! The file beside main.rs that differs is board.rs: `enable_fpu`, `put` (a byte on the serial port) and `exit`.
//! main.rs declares testing.rs, since a package has tests where a file of its src/ says `bootwright_test`.

use core::fmt::{self, Write};
use core::hint::black_box;
use core::panic::PanicInfo;

use crate::board;

/// The board's serial port.
pub struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(board::put);
        Ok(())
    }
}

/// Prints a line on the serial port.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => {
        _ = core::fmt::Write::write_fmt(&mut $crate::hello::Serial, format_args!("{}\n", format_args!($($words)*)))
    };
}

/// Makes a function a test. It is compiled only where the build sets `bootwright_test`.
#[macro_export]
macro_rules! kernel_test {
    (fn $name:ident() $body:block) => {
        #[cfg(bootwright_test)]
        fn $name() $body

        #[cfg(bootwright_test)]
        const _: () = {
            #[used]
            #[unsafe(link_section = "bootwright_tests")]
            static TEST: $crate::testing::Test = $crate::testing::Test {
                name: concat!(module_path!(), "::", stringify!($name)),
                function: $name,
            };
        };
    };
}

/// Where the linker script leads to. It found its name in the ELF, so the name must not be mangled.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    board::enable_fpu();
    run()
}

/// Computes what no compiler can know beforehand, by the FPU where the target has one.
fn product(a: f32, b: f32) -> f32 {
    black_box(a) * black_box(b)
}

/// Greets, computes and leaves the machine with success.
#[cfg(not(bootwright_test))]
fn run() -> ! {
    say!("Hello World!");
    say!("1.5 * 2.5 = {}", product(1.5, 2.5));
    board::exit(0)
}

/// The same program as a test.
#[cfg(bootwright_test)]
fn run() -> ! {
    crate::testing::run()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    #[cfg(bootwright_test)]
    crate::testing::failed(info);
    #[cfg(not(bootwright_test))]
    say!("{info}");
    board::exit(1)
}

kernel_test! {
    fn the_fpu_multiplies() {
        assert_eq!(product(1.5, 2.5), 3.75);
    }
}

kernel_test! {
    fn memory_that_was_not_written_is_zero() {
        static ROOM: [core::sync::atomic::AtomicU32; 64] = [const { core::sync::atomic::AtomicU32::new(0) }; 64];
        assert!(ROOM.iter().all(|word| word.load(core::sync::atomic::Ordering::Relaxed) == 0));
    }
}
