//! A sun over the sea.
#![no_std]
#![no_main]

use bootloader_api::{BootInfo, entry_point};
use canvas::{Canvas, println, testing};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, PrimitiveStyle, Rectangle};

entry_point!(main);

fn main(info: &'static mut BootInfo) -> ! {
    let mut canvas = Canvas(info.framebuffer.as_mut().expect("a frame buffer"));
    let size = canvas.size();
    canvas.clear(Rgb888::CSS_SKY_BLUE).unwrap();
    let sea = Rectangle::new(Point::new(0, size.height as i32 * 2 / 3), size);
    sea.into_styled(PrimitiveStyle::with_fill(Rgb888::CSS_NAVY))
        .draw(&mut canvas)
        .unwrap();
    let sun = Circle::with_center(
        Point::new(size.width as i32 / 2, size.height as i32 / 3),
        200,
    );
    sun.into_styled(PrimitiveStyle::with_fill(Rgb888::CSS_GOLD))
        .draw(&mut canvas)
        .unwrap();
    println!("a picture of {} by {}", size.width, size.height);
    testing::halt()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    testing::panicked(info)
}
