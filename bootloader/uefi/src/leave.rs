//! Out of the firmware's hands: page tables, segments, stack and exceptions of the loader's own, then the kernel.
//!
//! From the end of the firmware's services on nothing of it is used: whether its tables let code run, or devices be
//! written, differs from machine to machine. What is below 4 GiB is mapped to itself, and the image wherever it is.

use core::arch::{asm, global_asm};

use arch_x86_64::jump::Jumps;
use arch_x86_64::page_table::PageTable;
use arch_x86_64::{exceptions, gdt};
use common::failure::{Failure, Kind};
use common::memory::{
    Access, AddressSpace, FrameAllocator, Memory, PAGE, Placement, Run, page_of, pages_of,
};
use common::memory_map::Use;

use crate::memory::Uefi;

global_asm!(
    include_str!("leave.s"),
    CODE_64 = const gdt::CODE_64,
    DATA_64 = const gdt::DATA_64,
    CODE_32 = const gdt::CODE_32,
    TASK = const gdt::TASK,
    EXCEPTION = sym exceptions::exception,
);

unsafe extern "sysv64" {
    fn leave_firmware(
        cr3: u64,
        root: u64,
        stack_end: u64,
        copy: u64,
        then: extern "sysv64" fn() -> !,
    ) -> !;
}

unsafe extern "C" {
    static jump_page: u8;
    static jump_page_end: u8;
    static gdt_start: u8;
    static gdt_pointer: u8;
    static gdt_pointer_09: u8;
    static gdt_pointer_011: u8;
    static on_own_tables: u8;
    static own_task: u8;
    static task_descriptor: u8;
    static exception_stubs: u8;
}

const STACK: u64 = 64 << 10;
const EXCEPTION_STACK: u64 = 4 << 10;
/// In a task state: where the first stack for interrupts ends; in its descriptor: the parts of its address.
const FIRST_STACK: usize = 36;
const TASK_BASE_LOW: usize = 2;
const TASK_BASE_MIDDLE: usize = 4;
const TASK_BASE_HIGH: usize = 7;
/// What the descriptors of gdt.s that are to be found begin with: the limit, before the address.
const LIMIT: u64 = 2;
const EXCEPTIONS: usize = 32;
const STUB: u64 = 8;
const PRESENT_WRITABLE: u64 = 0b11;

/// What the loader runs on once the firmware is gone.
#[derive(Clone, Copy)]
pub struct Own {
    pub root: u64,
    pub stack_end: u64,
    /// The page with the jumps and the GDT, which the kernel's tables map as well.
    pub page: u64,
    pub jumps: Jumps,
    /// The level above `root`, where the firmware has five.
    fifth: Option<u64>,
}

impl Own {
    /// Prepares all of it while there is a firmware to ask for memory; `image` is where this program lies.
    pub fn new(uefi: &mut Uefi, image: (u64, u64)) -> Result<Own, Failure> {
        let page = find_page(uefi)?;
        let jumps = copy_jumps(uefi, page);
        let stack = uefi.allocate(Use::Bootloader, EXCEPTION_STACK + STACK, Placement::ANY)?;
        set_task(uefi, page, stack + EXCEPTION_STACK);
        let mut space = PageTable::new(uefi)?;
        map(uefi, &mut space, 0, layout::MEMORY_CEILING)?;
        let above = image.0.max(layout::MEMORY_CEILING);
        if above < image.1 {
            map(uefi, &mut space, page_of(above), pages_of(image.1))?;
        }
        let mut fifth = None;
        if has_five_levels() {
            let frame = uefi.allocate(Use::PageTable, PAGE, Placement::ANY)?;
            let table = uefi.bytes(frame, PAGE);
            table.fill(0);
            table[..8].copy_from_slice(&(space.root | PRESENT_WRITABLE).to_le_bytes());
            fifth = Some(frame);
        }
        uefi.keep([(page, page + PAGE), (page_of(image.0), pages_of(image.1))]);
        Ok(Own {
            root: space.root,
            stack_end: stack + EXCEPTION_STACK + STACK,
            page,
            jumps,
            fifth,
        })
    }

    /// Leaves the firmware's tables, segments and stack for these, and goes on with `then`.
    ///
    /// # Safety
    /// The firmware's services have ended, interrupts are off, and nobody uses this stack any more.
    pub unsafe fn enter(&self, then: extern "sysv64" fn() -> !) -> ! {
        let cr3 = self.fifth.unwrap_or(self.root);
        let copy = (&raw const on_own_tables as u64).wrapping_add(self.jumps.moved_by);
        // SAFETY: the caller's promise, and `new` mapped image, page and stack.
        unsafe { leave_firmware(cr3, self.root, self.stack_end, copy, then) }
    }
}

/// A page for what both address spaces map: below 1 MiB, where no kernel is linked to, if it is to be had there.
fn find_page(uefi: &mut Uefi) -> Result<u64, Failure> {
    let low = uefi.firmware.allocate_below(layout::MIB - 1, PAGE);
    low.map_or_else(|| uefi.allocate(Use::Bootloader, PAGE, Placement::ANY), Ok)
}

/// Copies the jumps and the GDT into `page`, and lets the pointers to the GDT point to the copy.
fn copy_jumps(uefi: &mut Uefi, page: u64) -> Jumps {
    let start = &raw const jump_page;
    let length = &raw const jump_page_end as usize - start as usize;
    // SAFETY: the link script puts both ends around what is copied.
    let original = unsafe { core::slice::from_raw_parts(start, length) };
    let moved_by = page.wrapping_sub(start as u64);
    let copy = uefi.bytes(page, PAGE);
    copy[..length].copy_from_slice(original);
    let pointers = [
        &raw const gdt_pointer,
        &raw const gdt_pointer_09,
        &raw const gdt_pointer_011,
    ];
    for pointer in pointers {
        let at = pointer as usize - start as usize + LIMIT as usize;
        let moved = (&raw const gdt_start as u64).wrapping_add(moved_by);
        copy[at..at + 8].copy_from_slice(&moved.to_le_bytes());
    }
    Jumps { moved_by }
}

/// Gives the task state in `page` its stack, and its descriptor the address, which is below 4 GiB.
fn set_task(uefi: &mut Uefi, page: u64, stack_end: u64) {
    let start = &raw const jump_page as usize;
    let task = &raw const own_task as usize - start;
    let descriptor = &raw const task_descriptor as usize - start;
    let bytes = uefi.bytes(page, PAGE);
    bytes[task + FIRST_STACK..][..8].copy_from_slice(&stack_end.to_le_bytes());
    let [low, second, middle, high] = ((page as usize + task) as u32).to_le_bytes();
    bytes[descriptor + TASK_BASE_LOW..][..2].copy_from_slice(&[low, second]);
    bytes[descriptor + TASK_BASE_MIDDLE] = middle;
    bytes[descriptor + TASK_BASE_HIGH] = high;
}

fn map(uefi: &mut Uefi, space: &mut PageTable, start: u64, end: u64) -> Result<(), Failure> {
    let run = Run {
        address: start,
        frame: start,
        length: end - start,
        large: true,
    };
    space.map(uefi, run, Access::ALL)
}

/// Loads a table of exceptions that end in a sentence; code and data segments are the loader's.
pub fn load_exceptions() {
    static mut TABLE: [[u64; 2]; EXCEPTIONS] = [[0; 2]; EXCEPTIONS];
    let first = &raw const exception_stubs as u64;
    let table = &raw mut TABLE;
    for index in 0..EXCEPTIONS {
        let stub = first + index as u64 * STUB;
        // Present, an interrupt gate, the first stack of the task state (AMD64 manual, volume 2, chapter 4.8.4).
        let gate = stub & 0xFFFF
            | u64::from(gdt::CODE_64) << 16
            | 0x8E01 << 32
            | (stub >> 16 & 0xFFFF) << 48;
        // SAFETY: one thread, which is here once, and the processor does not look yet.
        unsafe { (*table)[index] = [gate, stub >> 32] };
    }
    let limit = (EXCEPTIONS * size_of::<[u64; 2]>() - 1) as u16;
    let mut pointer = [0_u8; 10];
    pointer[..2].copy_from_slice(&limit.to_le_bytes());
    pointer[2..].copy_from_slice(&(table as u64).to_le_bytes());
    // SAFETY: the gates lead to stubs of the loader, whose tables map them.
    unsafe {
        asm!("lidt [{}]", in(reg) &raw const pointer, options(nostack, readonly, preserves_flags))
    }
}

fn has_five_levels() -> bool {
    const FIVE_LEVELS: u64 = 1 << 12;
    let cr4: u64;
    // SAFETY: reading a control register changes nothing.
    unsafe { asm!("mov {}, cr4", out(reg) cr4, options(nomem, nostack, preserves_flags)) };
    cr4 & FIVE_LEVELS != 0
}

/// Runs on the loader's own tables and stack when a kernel's entry point returns.
pub extern "sysv64" fn returned() -> ! {
    load_exceptions();
    crate::console::fail(&Kind::KernelReturned.alone())
}
