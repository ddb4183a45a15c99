//! Everything is mapped where this kernel says, itself in the higher half.
#![no_std]
#![no_main]

use bootloader_api::config::{BootloaderConfig, Mapping};
use bootloader_api::{BootInfo, entry_point};
use canvas::testing;

const KERNEL: u64 = 0xffff_ffff_8000_0000;
const STACK: u64 = 0xffff_f000_0000_0000;
const BOOT_INFO: u64 = 0xffff_f100_0000_0000;
const SCREEN: u64 = 0xffff_f200_0000_0000;
const RAMDISK: u64 = 0xffff_f300_0000_0000;
const TABLES: u64 = 0xffff_f400_0000_0000;
const MEMORY: u64 = 0xffff_8000_0000_0000;

static CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.kernel_stack_size = 100 * 1024;
    config.mappings.kernel_base = Mapping::FixedAddress(KERNEL);
    config.mappings.kernel_stack = Mapping::FixedAddress(STACK);
    config.mappings.boot_info = Mapping::FixedAddress(BOOT_INFO);
    config.mappings.framebuffer = Mapping::FixedAddress(SCREEN);
    config.mappings.ramdisk_memory = Mapping::FixedAddress(RAMDISK);
    config.mappings.page_table_recursive = Some(Mapping::FixedAddress(TABLES));
    config.mappings.physical_memory = Some(Mapping::FixedAddress(MEMORY));
    config
};

entry_point!(main, config = &CONFIG);

fn main(info: &'static mut BootInfo) -> ! {
    testing::run(
        &[
            ("fixed::the_kernel_is_in_the_higher_half", kernel),
            ("fixed::all_addresses_are_those_asked_for", addresses),
            ("fixed::pointers_were_relocated", pointers),
        ],
        info,
    )
}

fn kernel(info: &mut BootInfo) {
    assert!(main as *const () as u64 > KERNEL);
    assert_eq!(info.kernel_image_offset, KERNEL);
    let stack = &info as *const _ as u64;
    assert!(
        (STACK..STACK + (101 << 10) + 4096).contains(&stack),
        "{stack:#x}"
    );
}

fn addresses(info: &mut BootInfo) {
    assert_eq!(info as *const BootInfo as u64, BOOT_INFO);
    assert_eq!(
        info.framebuffer.as_ref().unwrap().buffer().as_ptr() as u64,
        SCREEN
    );
    assert_eq!(info.ramdisk_addr.into_option(), Some(RAMDISK));
    assert_eq!(info.physical_memory_offset.into_option(), Some(MEMORY));
    assert_eq!(
        info.recursive_index.into_option(),
        Some((TABLES >> 39 & 511) as u16)
    );
    // SAFETY: the loader mapped it.
    assert_eq!(unsafe { *(RAMDISK as *const [u8; 4]) }, *b"What");
}

static WORDS: [&str; 3] = ["one", "two", "three"];

fn pointers(_: &mut BootInfo) {
    for word in core::hint::black_box(&WORDS) {
        assert!(word.as_ptr() as u64 > KERNEL);
    }
    assert_eq!(core::hint::black_box(&WORDS)[2], "three");
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    testing::panicked(info)
}
