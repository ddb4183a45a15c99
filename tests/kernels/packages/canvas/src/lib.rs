//! The frame buffer as a canvas, and a verdict.
#![no_std]

pub mod testing;

use bootloader_api::info::{FrameBuffer, PixelFormat};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;

pub struct Canvas(pub &'static mut FrameBuffer);

impl Canvas {
    fn offset(&self, point: Point) -> Option<usize> {
        let info = self.0.info();
        let (x, y) = (
            usize::try_from(point.x).ok()?,
            usize::try_from(point.y).ok()?,
        );
        (x < info.width && y < info.height).then_some((y * info.stride + x) * info.bytes_per_pixel)
    }

    /// The colour of a pixel that is there.
    pub fn get(&self, point: Point) -> Rgb888 {
        let at = self.offset(point).expect("a pixel of the screen");
        let bytes = &self.0.buffer()[at..at + 3];
        match self.0.info().pixel_format {
            PixelFormat::Rgb => Rgb888::new(bytes[0], bytes[1], bytes[2]),
            _ => Rgb888::new(bytes[2], bytes[1], bytes[0]),
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        let info = self.0.info();
        Size::new(info.width as u32, info.height as u32)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = core::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        for Pixel(point, colour) in pixels {
            let Some(at) = self.offset(point) else {
                continue;
            };
            let (red, green, blue) = (colour.r(), colour.g(), colour.b());
            let bytes = match self.0.info().pixel_format {
                PixelFormat::Rgb => [red, green, blue],
                _ => [blue, green, red],
            };
            self.0.buffer_mut()[at..at + 3].copy_from_slice(&bytes);
        }
        Ok(())
    }
}
