//! The screen: the firmware's frame buffer as it is, and a VGA's text mode once the firmware is gone.

use core::ptr::NonNull;

use arch_x86_64::{dispi, vga};
use common::platform::{FrameBuffer, PixelFormat, Screen};

use crate::console;
use crate::efi::{self, GraphicsInfo, GraphicsOutput};
use crate::firmware::Firmware;

const BYTES_PER_PIXEL: u64 = 4;
/// Of Blt: one colour over a rectangle.
const FILL: u32 = 0;

/// The frame buffer that the firmware shows, blank; `None` where there is none that a program may write to.
pub fn find_frame_buffer(firmware: &Firmware) -> Option<FrameBuffer> {
    // The one that the firmware's console is on, where it says so: machines with two adapters have two.
    let console: Option<NonNull<GraphicsOutput>> =
        firmware.protocol(firmware.system.console_out_handle, &efi::GRAPHICS_OUTPUT);
    let output = console.or_else(|| firmware.any_protocol(&efi::GRAPHICS_OUTPUT))?;
    // SAFETY: the firmware's protocol; a pointer may be missing where no mode is set.
    let mode = unsafe { output.as_ref().mode.as_ref()? };
    // SAFETY: as above.
    let info: GraphicsInfo = unsafe { *mode.info.as_ref()? };
    let format = match info.format {
        0 => PixelFormat::Rgb,
        1 => PixelFormat::Bgr,
        2 => PixelFormat::Unknown([0, 1, 2].map(|part| info.masks[part].trailing_zeros() as u8)),
        // 3: pixels go there by calls of the firmware alone.
        _ => return None,
    };
    let [width, height, stride] = [info.width, info.height, info.stride].map(u64::from);
    if mode.address == 0 || width == 0 || height == 0 || stride < width {
        return None;
    }
    let mut black = 0_u32;
    // SAFETY: the firmware's protocol. Where it fails its logo stays.
    unsafe {
        let (width, height) = (info.width as usize, info.height as usize);
        let blt = output.as_ref().blt;
        blt(
            output.as_ptr(),
            &mut black,
            FILL,
            0,
            0,
            0,
            0,
            width,
            height,
            0,
        );
    }
    Some(FrameBuffer {
        address: mode.address,
        length: stride * height * BYTES_PER_PIXEL,
        width,
        height,
        stride,
        bytes_per_pixel: BYTES_PER_PIXEL,
        format,
    })
}

/// Says what a kernel that writes to a VGA cannot know.
pub fn say_that_there_is_no_vga(firmware: &Firmware) {
    console::say(
        firmware,
        "bootwright: the kernel writes to a VGA's text screen, which this machine does not have: it will not be seen\n",
    );
}

/// Sets what the kernel wants of a VGA; the firmware is gone, and all below 4 GiB is mapped.
pub fn set(screen: Screen) {
    if matches!(screen, Screen::Linear { .. }) || !dispi::is_there() {
        return;
    }
    dispi::turn_off();
    if screen == Screen::Mode13h {
        vga::set_mode_13h();
    } else {
        vga::set_text_mode_3();
    }
}
