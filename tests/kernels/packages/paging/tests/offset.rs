//! The map of physical memory: translating, mapping, a heap, and every usable frame.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::{boxed::Box, vec::Vec};
use bootloader::{entry_point, BootInfo};
use linked_list_allocator::LockedHeap;
use paging::frames::Frames;
use paging::testing;
use x86_64::structures::paging::mapper::{Mapper, Translate};
use x86_64::structures::paging::FrameAllocator;
use x86_64::structures::paging::{
    OffsetPageTable, Page, PageTableFlags as Flags, PhysFrame, Size4KiB,
};
use x86_64::{PhysAddr, VirtAddr};

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();
const HEAP_START: u64 = 0x4444_4444_0000;

struct State {
    tables: OffsetPageTable<'static>,
    frames: Frames,
    offset: u64,
}

entry_point!(main);

fn main(info: &'static BootInfo) -> ! {
    let mut state = State {
        tables: paging::by_offset(info),
        frames: Frames::new(&info.memory_map),
        offset: info.physical_memory_offset,
    };
    testing::run(
        &[
            ("offset::the_screen_is_mapped_to_itself", screen),
            ("offset::the_books_stack_is_there", stack),
            ("offset::a_new_page_shows_the_screen", new_page),
            ("offset::usable_memory_can_all_be_written", usable),
            ("offset::a_heap_lies_in_mapped_pages", heap),
        ],
        &mut state,
    )
}

fn screen(state: &mut State) {
    let found = state.tables.translate_addr(VirtAddr::new(0xb8000));
    assert_eq!(found, Some(PhysAddr::new(0xb8000)));
    assert_eq!(
        state.tables.translate_addr(VirtAddr::new(0xdead_beef_000)),
        None
    );
}

fn stack(state: &mut State) {
    // The book reads a page of a stack that begins where the package's default puts it.
    let address = VirtAddr::new(0x0100_0020_1a10);
    let frame = state
        .tables
        .translate_addr(address)
        .expect("the stack is mapped");
    let here = unsafe { *(address.as_u64() as *const u64) };
    assert_eq!(here, unsafe {
        *((state.offset + frame.as_u64()) as *const u64)
    });
    assert_eq!(
        state.tables.translate_addr(VirtAddr::new(0x0100_0000_1000)),
        None,
        "the guard page"
    );
}

fn new_page(state: &mut State) {
    let page = Page::<Size4KiB>::containing_address(VirtAddr::new(0xdead_beaf_000));
    let frame = PhysFrame::containing_address(PhysAddr::new(0xb8000));
    let flags = Flags::PRESENT | Flags::WRITABLE;
    unsafe {
        state
            .tables
            .map_to(page, frame, flags, &mut state.frames)
            .unwrap()
            .flush()
    };
    let new = 0xf021_f077_f065_f04e; // New!
    unsafe { (0xdead_beaf_000 as *mut u64).add(40).write_volatile(new) };
    assert_eq!(
        unsafe { (0xb8000 as *const u64).add(40).read_volatile() },
        new
    );
}

fn usable(state: &mut State) {
    let offset = state.offset;
    let mut count = 0;
    // What is mapped is in no usable frame: neither code nor stack nor tables change.
    for frame in state.frames.usable().skip(state.frames.taken()) {
        unsafe { ((offset + frame.start_address().as_u64()) as *mut [u64; 512]).write([!0; 512]) };
        count += 1;
    }
    assert!(count * 4096 > 100 << 20, "{count} frames");
}

fn heap(state: &mut State) {
    let flags = Flags::PRESENT | Flags::WRITABLE;
    let pages = Page::range(
        Page::<Size4KiB>::containing_address(VirtAddr::new(HEAP_START)),
        Page::containing_address(VirtAddr::new(HEAP_START + (100 << 10))),
    );
    for page in pages {
        let frame = state.frames.allocate_frame().expect("there is memory");
        unsafe {
            state
                .tables
                .map_to(page, frame, flags, &mut state.frames)
                .unwrap()
                .flush()
        };
    }
    unsafe { HEAP.lock().init(HEAP_START as *mut u8, 100 << 10) };
    let numbers: Vec<u64> = (0..1000).collect();
    assert_eq!(numbers.iter().sum::<u64>(), 499_500);
    assert!((&*Box::new(1_u8) as *const u8 as u64) >= HEAP_START);
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    testing::panicked(info)
}
