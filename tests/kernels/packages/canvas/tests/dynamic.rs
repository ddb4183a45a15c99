//! Everything is mapped, wherever the loader likes.
#![no_std]
#![no_main]

use bootloader_api::config::{BootloaderConfig, Mapping};
use bootloader_api::info::MemoryRegionKind;
use bootloader_api::{BootInfo, entry_point};
use canvas::testing;
use x86_64::VirtAddr;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::mapper::Translate;
use x86_64::structures::paging::{OffsetPageTable, PageTable, RecursivePageTable};

static CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::Dynamic);
    config.mappings.page_table_recursive = Some(Mapping::Dynamic);
    config
};

entry_point!(main, config = &CONFIG);

fn main(info: &'static mut BootInfo) -> ! {
    testing::run(
        &[
            ("dynamic::the_ramdisk_is_the_file", ramdisk),
            ("dynamic::both_ways_to_the_tables_agree", tables),
            ("dynamic::usable_memory_can_all_be_written", usable),
            ("dynamic::other_processors_can_start_in_low_memory", low),
            ("dynamic::acpis_root_is_found", rsdp),
            ("dynamic::the_kernels_own_file_is_in_memory", file),
        ],
        info,
    )
}

fn ramdisk(info: &mut BootInfo) {
    let address = *info.ramdisk_addr.as_ref().expect("a ramdisk");
    // SAFETY: the loader mapped it there.
    let bytes =
        unsafe { core::slice::from_raw_parts(address as *const u8, info.ramdisk_len as usize) };
    assert_eq!(bytes, include_bytes!("../ramdisk.txt"));
}

fn offset(info: &BootInfo) -> VirtAddr {
    VirtAddr::new(
        *info
            .physical_memory_offset
            .as_ref()
            .expect("the map of memory"),
    )
}

fn tables(info: &mut BootInfo) {
    let top = offset(info) + Cr3::read().0.start_address().as_u64();
    // SAFETY: the loader mapped all of memory there, and the top level once more by the recursive entry.
    let by_offset =
        unsafe { OffsetPageTable::new(&mut *top.as_mut_ptr::<PageTable>(), offset(info)) };
    let index = u64::from(*info.recursive_index.as_ref().expect("a recursive entry"));
    let sign = if index < 256 { 0 } else { 0xffff << 48 };
    let address = sign | index << 39 | index << 30 | index << 21 | index << 12;
    // SAFETY: as above.
    let by_recursion =
        RecursivePageTable::new(unsafe { &mut *(address as *mut PageTable) }).expect("recursive");
    let buffer = info
        .framebuffer
        .as_ref()
        .expect("a frame buffer")
        .buffer()
        .as_ptr() as u64;
    let own = [
        info as *const BootInfo as u64,
        main as *const () as u64,
        buffer,
        &own_stack() as *const u8 as u64,
    ];
    for address in own.map(VirtAddr::new) {
        let found = by_offset.translate_addr(address);
        assert!(found.is_some(), "{address:?}");
        assert_eq!(found, by_recursion.translate_addr(address));
    }
}

fn own_stack() -> u8 {
    core::hint::black_box(7)
}

fn usable(info: &mut BootInfo) {
    let offset = offset(info).as_u64();
    let mut sum = 0;
    for region in info
        .memory_regions
        .iter()
        .filter(|region| region.kind == MemoryRegionKind::Usable)
    {
        for word in (region.start..region.end).step_by(8) {
            // SAFETY: usable memory is nobody's.
            unsafe { ((offset + word) as *mut u64).write(!0) }
        }
        sum += region.end - region.start;
    }
    assert!(sum > 100 << 20, "{sum} bytes");
}

fn low(info: &mut BootInfo) {
    let usable = info
        .memory_regions
        .iter()
        .filter(|region| region.kind == MemoryRegionKind::Usable);
    let low: u64 = usable
        .filter(|region| region.end <= 1 << 20)
        .map(|region| region.end - region.start)
        .sum();
    assert!(low > 64 << 10, "{low} bytes");
}

fn rsdp(info: &mut BootInfo) {
    let address = *info.rsdp_addr.as_ref().expect("ACPI's root");
    // SAFETY: memory is mapped, and the loader says that the root is there.
    let signature = unsafe { *((offset(info).as_u64() + address) as *const [u8; 8]) };
    assert_eq!(&signature, b"RSD PTR ");
}

fn file(info: &mut BootInfo) {
    let address = offset(info).as_u64() + info.kernel_addr;
    // SAFETY: as above.
    let bytes =
        unsafe { core::slice::from_raw_parts(address as *const u8, info.kernel_len as usize) };
    assert_eq!(&bytes[..4], b"\x7fELF");
    // A movable program lies where the loader liked to put it.
    assert_ne!(info.kernel_image_offset, 0);
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    testing::panicked(info)
}
