//! SSE is on: its registers hold four numbers each.
#![no_std]
#![no_main]

use bootloader::{entry_point, BootInfo};
use core::arch::asm;

entry_point!(main);

fn main(_: &'static BootInfo) -> ! {
    pixels::write("floats::four_products_at_once... ");
    let (left, right) = ([1.5_f32, 2.0, -3.0, 0.25], [2.0_f32, 0.5, 4.0, 8.0]);
    let mut products = [0_f32; 4];
    // SAFETY: nothing else uses these registers, since the target has no floating point of its own.
    unsafe {
        asm!("movups xmm0, [{}]", "movups xmm1, [{}]", "mulps xmm0, xmm1", "movups [{}], xmm0",
            in(reg) &left, in(reg) &right, in(reg) &mut products)
    }
    assert_eq!(
        products.map(f32::to_bits),
        [3.0_f32, 1.0, -12.0, 2.0].map(f32::to_bits)
    );
    pixels::write("[ok]\n");
    pixels::exit(true)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    pixels::write("[failed]\n");
    pixels::exit(false)
}
