//! Says which configuration its loader read. It is to compile with every release of bootloader_api 0.11.
#![no_std]
#![no_main]

use bootloader_api::config::{BootloaderConfig, Mapping};
use bootloader_api::{entry_point, BootInfo};
use core::arch::asm;

static CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.kernel_stack_size = 123 * 1024;
    config.mappings.physical_memory = Some(Mapping::FixedAddress(0x2000_0000_0000));
    config
};

entry_point!(main, config = &CONFIG);

fn main(info: &'static mut BootInfo) -> ! {
    let offset = info.physical_memory_offset.into_option();
    write(if offset == Some(0x2000_0000_0000) {
        "mapped as asked\n"
    } else {
        "mapped elsewhere\n"
    });
    write(if info.framebuffer.as_ref().is_some() {
        "a frame buffer\n"
    } else {
        "no frame buffer\n"
    });
    write(if info.memory_regions.len() > 5 {
        "regions\n"
    } else {
        "no regions\n"
    });
    loop {
        unsafe { asm!("cli", "hlt") }
    }
}

fn write(text: &str) {
    for byte in text.bytes() {
        unsafe { asm!("out dx, al", in("dx") 0x3f8_u16, in("al") byte) }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    write("panic\n");
    loop {}
}
