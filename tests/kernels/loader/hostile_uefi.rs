//! An EFI program that is the loader's firmware: it changes the tables and the machine, then starts the loader, which
//! is in it. Each letter is a machine that somebody could not boot.
//!
//! e exit refused twice while the map grows, r exit refused for ever, n pages that are not to be run, 5 five levels of
//! page tables, g no frame buffer, c no console, k no keyboard, b a disk that fails once, changes its medium's number,
//! wants alignment, and has a block that cannot be read and is not wanted, l a disk with a block that cannot be read,
//! z empty and overlapping descriptors. It says on port E9 what the loader asked for.
#![no_std]
#![no_main]

#[allow(
    dead_code,
    reason = "the loader's own definitions, of which this uses a part"
)]
#[path = "../../../bootloader/uefi/src/efi.rs"]
mod efi;
#[path = "hostile_tables.inc"]
mod tables;

use core::arch::asm;
use core::ffi::c_void;
use core::ptr::{null, null_mut};

use efi::{BlockIo, BootServices, Guid, Handle, LoadedImage, Media, Status, SystemTable};

/// Found and changed by the test.
#[unsafe(link_section = ".data")]
static LETTERS: [u8; 46] = *b"letters of a hostile firmware=                ";

static LOADER: &[u8] = include_bytes!(env!("BIG_DATA"));

const INVALID_PARAMETER: Status = 1 << 63 | 2;
const DEVICE_ERROR: Status = 1 << 63 | 7;
const NOT_FOUND: Status = 1 << 63 | 14;
const MEDIA_CHANGED: Status = 1 << 63 | 13;
const PAGE: u64 = 4096;
/// The block that cannot be read, of 512 bytes: within the kernel's partition.
const BAD_BLOCK: u64 = 2048 + 9;
/// One that cannot be read either, and that nobody wants: it lies behind the partition table, in the BIOS's stage.
const USELESS_BLOCK: u64 = 200;

type LoadImage =
    unsafe extern "efiapi" fn(bool, Handle, *const u8, *const u8, usize, *mut Handle) -> Status;
type StartImage = unsafe extern "efiapi" fn(Handle, *mut usize, *mut *mut u16) -> Status;

/// What the firmware had where something of ours is now.
struct Originals {
    exit: Option<unsafe extern "efiapi" fn(Handle, usize) -> Status>,
    pages: Option<unsafe extern "efiapi" fn(u32, u32, usize, *mut u64) -> Status>,
    pool: Option<unsafe extern "efiapi" fn(u32, usize, *mut *mut u8) -> Status>,
    map: Option<
        unsafe extern "efiapi" fn(*mut usize, *mut u8, *mut usize, *mut usize, *mut u32) -> Status,
    >,
    handle_protocol:
        Option<unsafe extern "efiapi" fn(Handle, *const Guid, *mut *mut c_void) -> Status>,
    locate_protocol:
        Option<unsafe extern "efiapi" fn(*const Guid, *const c_void, *mut *mut c_void) -> Status>,
    watchdog: Option<unsafe extern "efiapi" fn(usize, u64, usize, *const u16) -> Status>,
    disks: [Option<Disk>; 32],
    exits: u32,
    reads: u32,
    /// Pages that are not to be run: where the next ones are, and their end.
    next: u64,
    end: u64,
}

/// A disk whose protocol is ours: whose it was, and what it said of the medium.
#[derive(Clone, Copy)]
struct Disk {
    io: *mut BlockIo,
    read: unsafe extern "efiapi" fn(*mut BlockIo, u32, u64, usize, *mut u8) -> Status,
    media: *mut Media,
}

static mut ORIGINALS: Originals = Originals {
    exit: None,
    pages: None,
    pool: None,
    map: None,
    handle_protocol: None,
    locate_protocol: None,
    watchdog: None,
    disks: [None; 32],
    exits: 0,
    reads: 0,
    next: 0,
    end: 0,
};

fn originals() -> &'static mut Originals {
    // SAFETY: there is one thread, and nobody keeps what this returns.
    unsafe { &mut *core::ptr::addr_of_mut!(ORIGINALS) }
}

fn has(letter: u8) -> bool {
    // SAFETY: the test writes the letters into the file.
    unsafe { (&raw const LETTERS).read_volatile()[30..].contains(&letter) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    say("shim: panic\n");
    loop {
        // SAFETY: nothing is left to do.
        unsafe { asm!("cli", "hlt") }
    }
}

fn say(text: &str) {
    for byte in text.bytes() {
        // SAFETY: QEMU's debug console.
        unsafe { asm!("out dx, al", in("dx") 0xE9u16, in("al") byte) }
    }
}

fn tell(name: &str, value: u64) {
    say("shim: ");
    say(name);
    say("=");
    for shift in (0..16).rev() {
        let digit = b"0123456789abcdef"[(value >> (shift * 4) & 15) as usize];
        // SAFETY: as above.
        unsafe { asm!("out dx, al", in("dx") 0xE9u16, in("al") digit) }
    }
    say("\n");
}

unsafe extern "efiapi" fn watchdog(
    seconds: usize,
    code: u64,
    size: usize,
    data: *const u16,
) -> Status {
    tell("watchdog", seconds as u64);
    // SAFETY: what the caller gave.
    unsafe { (originals().watchdog.unwrap())(seconds, code, size, data) }
}

unsafe extern "efiapi" fn pages(how: u32, kind: u32, count: usize, address: *mut u64) -> Status {
    if kind != efi::LOADER_DATA {
        tell("kind_of_pages", kind.into());
    }
    let size = count as u64 * PAGE;
    // SAFETY: what the caller gave.
    unsafe {
        let here = originals().next;
        if how == efi::ALLOCATE_MAX_ADDRESS && *address > 1 << 20 && here + size <= originals().end
        {
            originals().next = here + size;
            *address = here;
            return efi::SUCCESS;
        }
        (originals().pages.unwrap())(how, kind, count, address)
    }
}

unsafe extern "efiapi" fn pool(kind: u32, size: usize, buffer: *mut *mut u8) -> Status {
    if kind != efi::LOADER_DATA {
        tell("kind_of_pool", kind.into());
    }
    // SAFETY: what the caller gave.
    unsafe { (originals().pool.unwrap())(kind, size, buffer) }
}

unsafe extern "efiapi" fn exit(image: Handle, key: usize) -> Status {
    originals().exits += 1;
    let refuses = has(b'r') || has(b'e') && originals().exits <= 2;
    // SAFETY: the firmware's own functions.
    unsafe {
        if refuses {
            // Somebody allocates: the map has other pieces, and the key is stale.
            for kind in [3, 4, 2, 3, 4, 6] {
                let (mut one, mut other) = (0, 0);
                (originals().pages.unwrap())(0, kind, 1, &mut one);
                (originals().pages.unwrap())(0, 6, 3, &mut other);
            }
            tell("exit_refused", originals().exits.into());
            if has(b'r') {
                return INVALID_PARAMETER;
            }
        }
        (originals().exit.unwrap())(image, key)
    }
}

/// The firmware's map with three descriptors more: an empty one, one over another, and one past the end of memory.
unsafe extern "efiapi" fn map(
    size: *mut usize,
    buffer: *mut u8,
    key: *mut usize,
    stride: *mut usize,
    version: *mut u32,
) -> Status {
    const MORE: usize = 3;
    // SAFETY: what the caller gave; there is room for what is added, or the size alone is told.
    unsafe {
        let room = *size;
        let status = (originals().map.unwrap())(size, buffer, key, stride, version);
        let end = *size;
        *size += MORE * *stride;
        if status != efi::SUCCESS || *size > room {
            return efi::BUFFER_TOO_SMALL;
        }
        let first = buffer.cast::<u64>().add(1).read_unaligned();
        for (index, (kind, start, count)) in [
            (7_u32, 0x20_0000, 0),
            (0, first, 1),
            (7, u64::MAX - PAGE + 1, 4),
        ]
        .into_iter()
        .enumerate()
        {
            let descriptor = buffer.add(end + index * *stride);
            descriptor.write_bytes(0, *stride);
            descriptor.cast::<u32>().write_unaligned(kind);
            descriptor.add(8).cast::<u64>().write_unaligned(start);
            descriptor.add(24).cast::<u64>().write_unaligned(count);
            descriptor.add(32).cast::<u64>().write_unaligned(0xF);
        }
        status
    }
}

unsafe extern "efiapi" fn handle_protocol(
    handle: Handle,
    guid: *const Guid,
    found: *mut *mut c_void,
) -> Status {
    // SAFETY: what the caller gave.
    unsafe {
        if *guid == efi::GRAPHICS_OUTPUT {
            return NOT_FOUND;
        }
        (originals().handle_protocol.unwrap())(handle, guid, found)
    }
}

unsafe extern "efiapi" fn locate_protocol(
    guid: *const Guid,
    key: *const c_void,
    found: *mut *mut c_void,
) -> Status {
    // SAFETY: what the caller gave.
    unsafe {
        if *guid == efi::GRAPHICS_OUTPUT {
            return NOT_FOUND;
        }
        (originals().locate_protocol.unwrap())(guid, key, found)
    }
}

unsafe extern "efiapi" fn read(
    io: *mut BlockIo,
    id: u32,
    block: u64,
    size: usize,
    to: *mut u8,
) -> Status {
    let Some(disk) = originals()
        .disks
        .iter()
        .flatten()
        .find(|disk| disk.io == io)
    else {
        return NOT_FOUND;
    };
    if size > 1 << 20 {
        tell("large_read", size as u64);
    }
    // SAFETY: what the caller gave, to the disk that it was given for.
    unsafe {
        let count = size as u64 / u64::from((*disk.media).block_size);
        if has(b'l') && (block..block + count).contains(&BAD_BLOCK) {
            return DEVICE_ERROR;
        }
        if has(b'b') {
            if (block..block + count).contains(&USELESS_BLOCK) {
                tell("useless_block", block);
                return DEVICE_ERROR;
            }
            if to as u64 % PAGE != 0 {
                tell("unaligned_read", to as u64);
                return INVALID_PARAMETER;
            }
            if id != (*disk.media).id {
                tell("stale_medium", id.into());
                return MEDIA_CHANGED;
            }
            originals().reads += 1;
            if originals().reads % 3 == 1 {
                return DEVICE_ERROR;
            }
            if originals().reads % 3 == 2 {
                (*disk.media).id += 1;
                return MEDIA_CHANGED;
            }
        }
        // The firmware's driver asks the medium that is now there.
        (disk.read)(io, (*disk.media).id, block, size, to)
    }
}

/// Puts our reading into each disk's protocol, and a medium that wants alignment.
unsafe fn take_disks(boot: &BootServices) {
    static mut MEDIA: [Option<Media>; 32] = [None; 32];
    let mut handles = [null_mut(); 32];
    let mut size = size_of_val(&handles);
    // SAFETY: the firmware's own functions and protocols.
    unsafe {
        (boot.locate_handle)(
            efi::BY_PROTOCOL,
            &efi::BLOCK_IO,
            null(),
            &mut size,
            handles.as_mut_ptr(),
        );
        for (index, handle) in handles[..size / 8].iter().enumerate() {
            let mut io: *mut BlockIo = null_mut();
            (boot.handle_protocol)(*handle, &efi::BLOCK_IO, (&raw mut io).cast());
            let slot = (&raw mut MEDIA).cast::<Option<Media>>().add(index);
            slot.write(Some(*(*io).media));
            let media = (*slot).as_mut().unwrap();
            media.io_align = PAGE as u32;
            originals().disks[index] = Some(Disk {
                io,
                read: (*io).read_blocks,
                media,
            });
            (*io).media = media;
            (*io).read_blocks = read;
        }
    }
}

#[unsafe(no_mangle)]
extern "efiapi" fn efi_main(image: Handle, system: *mut SystemTable) -> Status {
    // SAFETY: all of it goes through what the firmware gave, and its tables may be written.
    unsafe {
        let boot = &mut *(*system).boot.cast_mut();
        let load: LoadImage = core::mem::transmute(boot.load_image);
        let start: StartImage = core::mem::transmute(boot.start_image);
        let mut child = null_mut();
        let status = load(
            false,
            image,
            null(),
            LOADER.as_ptr(),
            LOADER.len(),
            &mut child,
        );
        let (mut own, mut loaded): (*mut LoadedImage, *mut LoadedImage) = (null_mut(), null_mut());
        (boot.handle_protocol)(image, &efi::LOADED_IMAGE, (&raw mut own).cast());
        (boot.handle_protocol)(child, &efi::LOADED_IMAGE, (&raw mut loaded).cast());
        if status != efi::SUCCESS || loaded.is_null() {
            tell("load", status as u64);
            return status;
        }
        // As if the firmware had read it from our disk.
        (*loaded).device = (*own).device;
        let all = originals();
        (all.exit, all.pages, all.pool) = (
            Some(boot.exit_boot_services),
            Some(boot.allocate_pages),
            Some(boot.allocate_pool),
        );
        (all.map, all.watchdog) = (Some(boot.get_memory_map), Some(boot.set_watchdog_timer));
        (all.handle_protocol, all.locate_protocol) =
            (Some(boot.handle_protocol), Some(boot.locate_protocol));
        if has(b'5') {
            tables::add_a_level(boot);
        }
        if has(b'n') {
            (originals().next, originals().end) = tables::forbid_execution(boot);
        }
        if has(b'b') || has(b'l') {
            take_disks(boot);
        }
        (boot.exit_boot_services, boot.set_watchdog_timer) = (exit, watchdog);
        (boot.allocate_pages, boot.allocate_pool) = (pages, pool);
        if has(b'z') {
            boot.get_memory_map = map;
        }
        if has(b'g') {
            (boot.handle_protocol, boot.locate_protocol) = (handle_protocol, locate_protocol);
        }
        if has(b'c') {
            ((*system).console_out, (*system).console_out_handle) = (null_mut(), null_mut());
        }
        if has(b'k') {
            (*system).console_in = null_mut();
        }
        let (low, high): (u64, u64);
        asm!("xchg bx, bx", "rdtsc", /* the mark of tools/icount */ out("rax") low, out("rdx") high);
        tell("tsc", high << 32 | low);
        let mut size = 0;
        let status = start(child, &mut size, null_mut());
        tell("returned", status as u64);
        status
    }
}
