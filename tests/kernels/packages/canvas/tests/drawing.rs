//! What is drawn is on the screen, which is at least as large as boot.json says.
#![no_std]
#![no_main]

use bootloader_api::{BootInfo, entry_point};
use canvas::{Canvas, testing};
use embedded_graphics::mono_font::{MonoTextStyle, ascii::FONT_10X20};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, PrimitiveStyle};
use embedded_graphics::text::Text;

entry_point!(main);

fn main(info: &'static mut BootInfo) -> ! {
    let mut canvas = Canvas(info.framebuffer.as_mut().expect("a frame buffer"));
    testing::run(
        &[
            ("drawing::the_screen_is_as_large_as_boot_json_says", size),
            ("drawing::a_circle_is_round", circle),
            ("drawing::letters_are_shown", letters),
        ],
        &mut canvas,
    )
}

fn size(canvas: &mut Canvas) {
    let size = canvas.size();
    assert!(size.width >= 1400 && size.height >= 900, "{size:?}");
    let info = canvas.0.info();
    assert!(info.stride >= info.width);
    assert!(canvas.0.buffer().len() >= info.stride * info.height * info.bytes_per_pixel);
}

fn circle(canvas: &mut Canvas) {
    canvas.clear(Rgb888::BLACK).unwrap();
    let style = PrimitiveStyle::with_fill(Rgb888::new(255, 128, 1));
    Circle::with_center(Point::new(300, 300), 101)
        .into_styled(style)
        .draw(canvas)
        .unwrap();
    for (x, y) in [(300, 300), (345, 300), (300, 255), (335, 335)] {
        assert_eq!(
            canvas.get(Point::new(x, y)),
            Rgb888::new(255, 128, 1),
            "{x} {y}"
        );
    }
    for (x, y) in [(352, 300), (340, 340), (300, 247)] {
        assert_eq!(canvas.get(Point::new(x, y)), Rgb888::BLACK, "{x} {y}");
    }
}

fn letters(canvas: &mut Canvas) {
    canvas.clear(Rgb888::BLACK).unwrap();
    let style = MonoTextStyle::new(&FONT_10X20, Rgb888::WHITE);
    let next = Text::new("Hello", Point::new(100, 100), style)
        .draw(canvas)
        .unwrap();
    assert_eq!(next, Point::new(150, 100));
    let white = |x| {
        (80..110)
            .filter(|&y| canvas.get(Point::new(x, y)) == Rgb888::WHITE)
            .count()
    };
    // The H: two strokes with a bar between them; then nothing before the e.
    let columns: [usize; 10] = core::array::from_fn(|column| white(100 + column as i32));
    assert!(
        columns.iter().filter(|&&count| count > 10).count() >= 2,
        "{columns:?}"
    );
    assert_eq!(white(99), 0);
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    testing::panicked(info)
}
