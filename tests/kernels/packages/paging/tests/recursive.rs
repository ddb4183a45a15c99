//! The recursive entry: the same tables by another way.
#![no_std]
#![no_main]

use bootloader::{entry_point, BootInfo};
use paging::frames::Frames;
use paging::testing;
use x86_64::structures::paging::mapper::{Mapper, Translate};
use x86_64::structures::paging::{
    FrameAllocator, Page, PageTableFlags as Flags, RecursivePageTable, Size4KiB,
};
use x86_64::VirtAddr;

struct State {
    info: &'static BootInfo,
    tables: RecursivePageTable<'static>,
    frames: Frames,
}

entry_point!(main);

fn main(info: &'static BootInfo) -> ! {
    let mut state = State {
        info,
        tables: paging::by_recursion(info),
        frames: Frames::new(&info.memory_map),
    };
    testing::run(
        &[
            ("recursive::both_ways_find_the_same_frames", same),
            ("recursive::a_page_is_mapped_and_unmapped", page),
        ],
        &mut state,
    )
}

fn same(state: &mut State) {
    let by_offset = paging::by_offset(state.info);
    let boot_info = state.info as *const BootInfo as u64;
    for address in [
        0xb8000,
        main as *const () as u64,
        boot_info,
        0x0100_0020_1a10,
        0x1000,
    ]
    .map(VirtAddr::new)
    {
        let found = state.tables.translate_addr(address);
        assert!(found.is_some(), "{address:?}");
        assert_eq!(found, by_offset.translate_addr(address));
    }
}

fn page(state: &mut State) {
    let page = Page::<Size4KiB>::containing_address(VirtAddr::new(0xffff_9000_0000_0000));
    let frame = state.frames.allocate_frame().expect("there is memory");
    let flags = Flags::PRESENT | Flags::WRITABLE | Flags::NO_EXECUTE;
    unsafe {
        state
            .tables
            .map_to(page, frame, flags, &mut state.frames)
            .unwrap()
            .flush()
    };
    let word = page.start_address().as_mut_ptr::<u64>();
    unsafe { word.write_volatile(42) };
    let there = (state.info.physical_memory_offset + frame.start_address().as_u64()) as *const u64;
    assert_eq!(unsafe { there.read_volatile() }, 42);
    state.tables.unmap(page).unwrap().1.flush();
    assert_eq!(state.tables.translate_addr(page.start_address()), None);
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    testing::panicked(info)
}
