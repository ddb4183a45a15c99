//! A linear frame buffer through the VGA BIOS (VESA BIOS Extension 3.0, chapter 4).

use arch_x86_64::physical;
use common::bytes::{u16_at, u32_at};
use common::failure::{Failure, Kind};
use common::platform::{FrameBuffer, PixelFormat};

use crate::bios::{self, Registers};

/// Where the BIOS writes: the read buffer, which is nobody's once the kernel is in memory.
const INFO: u64 = layout::READ_BUFFER_ADDRESS;
const INFO_SIZE: u64 = 512;
const MODE_INFO: u64 = INFO + INFO_SIZE;
const MODE_INFO_SIZE: u64 = 256;

const SUPPORTED: u16 = 0x004F;
const END_OF_LIST: u16 = 0xFFFF;
/// More modes than any list has.
const MODES_MAX: u64 = 512;
/// Of a mode's attributes: it can be set, shows pixels, and has a linear frame buffer.
const USABLE: u16 = 1 | 1 << 4 | 1 << 7;
const PACKED_PIXELS: u8 = 4;
const DIRECT_COLOUR: u8 = 6;
const LINEAR: u32 = 1 << 14;

/// The largest size that is chosen where the kernel does not ask for more, as upstream has it.
const USUAL: (u64, u64) = (1280, 720);

/// A mode that can be set.
#[derive(Clone, Copy)]
struct Mode {
    number: u16,
    screen: FrameBuffer,
}

/// Sets the mode that fits best, at least `width` by `height` pixels where there is such a one.
pub fn set(width: u64, height: u64) -> Result<FrameBuffer, Failure> {
    let mode = choose(width, height)?;
    let status = call(0x4F02, 0, u32::from(mode.number) | LINEAR, 0);
    if status == SUPPORTED {
        Ok(mode.screen)
    } else {
        Err(Kind::NoLinearScreen.with(status.into(), 0))
    }
}

fn choose(width: u64, height: u64) -> Result<Mode, Failure> {
    // SAFETY: layout.py keeps the buffer for what the BIOS writes, and nothing is read from the disk any more.
    let info = unsafe { physical::slice_mut(INFO, INFO_SIZE) };
    info.fill(0);
    info[..4].copy_from_slice(b"VBE2");
    let status = call(0x4F00, 0, 0, INFO);
    if status != SUPPORTED {
        return Err(Kind::NoLinearScreen.with(status.into(), 0));
    }
    let far = |offset| u64::from(u16_at(info, offset).unwrap_or(0));
    let list = far(16) * 16 + far(14);
    // Each answer overwrites nothing of the list, which some BIOSes put into the block itself.
    let mut best: Option<Mode> = None;
    let mut larger: Option<Mode> = None;
    for index in 0..MODES_MAX {
        // SAFETY: the BIOS's list lies below 1 MiB plus 64 KiB, which is mapped.
        let number = unsafe { physical::read_unaligned(list + index * 2) };
        if number == END_OF_LIST {
            break;
        }
        let Some(mode) = query(number) else {
            continue;
        };
        let FrameBuffer {
            width: columns,
            height: rows,
            format,
            ..
        } = mode.screen;
        let is_better = |best: &Mode| {
            let unknown = matches!(best.screen.format, PixelFormat::Unknown(_));
            let size = (best.screen.width, best.screen.height);
            unknown && size == (columns, rows) || size < (columns, rows)
        };
        if columns <= USUAL.0 && rows <= USUAL.1 && best.as_ref().is_none_or(is_better) {
            best = Some(mode);
        }
        let is_smaller = |best: &Mode| (columns, rows) < (best.screen.width, best.screen.height);
        let is_enough = columns >= width && rows >= height;
        let is_good = is_enough && !matches!(format, PixelFormat::Unknown(_));
        if is_good && larger.as_ref().is_none_or(is_smaller) {
            larger = Some(mode);
        }
    }
    let fits = |mode: &Mode| mode.screen.width >= width && mode.screen.height >= height;
    best.filter(fits)
        .or(larger)
        .or(best)
        .ok_or(Kind::NoLinearScreen.with(0, 0))
}

/// What a mode is, if it has a linear frame buffer with pixels of whole bytes.
fn query(number: u16) -> Option<Mode> {
    // SAFETY: as in `choose`.
    let info = unsafe { physical::slice_mut(MODE_INFO, MODE_INFO_SIZE) };
    info.fill(0);
    if call(0x4F01, number.into(), 0, MODE_INFO) != SUPPORTED {
        return None;
    }
    let half = |offset| u64::from(u16_at(info, offset).unwrap_or(0));
    let model = info[27];
    let is_usable = half(0) as u16 & USABLE == USABLE;
    if !is_usable || !matches!(model, PACKED_PIXELS | DIRECT_COLOUR) {
        return None;
    }
    let bytes_per_pixel = u64::from(info[25]).div_ceil(8);
    let (pitch, width, height) = (half(16), half(18), half(20));
    let address = u32_at(info, 40).unwrap_or(0).into();
    if bytes_per_pixel == 0 || pitch < width * bytes_per_pixel || address == 0 || height == 0 {
        return None;
    }
    // Sizes and positions of red, green and blue, two bytes each.
    let positions = [info[32], info[34], info[36]];
    let is_true_colour = [info[31], info[33], info[35]] == [8; 3];
    let format = match positions {
        [0, 8, 16] if is_true_colour => PixelFormat::Rgb,
        [16, 8, 0] if is_true_colour => PixelFormat::Bgr,
        _ => PixelFormat::Unknown(positions),
    };
    Some(Mode {
        number,
        screen: FrameBuffer {
            address,
            length: pitch * height,
            width,
            height,
            stride: pitch / bytes_per_pixel,
            bytes_per_pixel,
            format,
        },
    })
}

/// Calls a function of VBE with a buffer, and returns its status.
fn call(function: u32, ecx: u32, ebx: u32, buffer: u64) -> u16 {
    let (es, di) = bios::far(buffer as usize);
    let mut registers = Registers {
        eax: function,
        ebx,
        ecx,
        edi: di.into(),
        es,
        ..Registers::default()
    };
    bios::call(0x10, &mut registers);
    registers.eax as u16
}
