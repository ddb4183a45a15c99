//! What the tests share: a small deterministic generator, fake memory, and a builder of ELF files.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod plans;

use common::bytes::ReadAt;
use common::failure::{Failure, Kind};
use common::memory::{FrameAllocator, Memory, Placement};
use common::memory_map::MemoryMap;
use common::platform::{FrameBuffer, Platform, Screen};
use common::region::Use;

/// xorshift64*: the same numbers on every run.
pub struct Generator(u64);

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A number of at most so many bits, small ones as often as large ones.
    pub fn of_any_size(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits + 1);
        self.below(1 << bits)
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// How often a test of chance goes on: `usual` times, or as many times more as BOOTWRIGHT_FUZZ says.
pub fn rounds(usual: u64) -> u64 {
    let factor = std::env::var("BOOTWRIGHT_FUZZ").ok();
    usual * factor.map_or(1, |text| text.parse().expect("BOOTWRIGHT_FUZZ is a number"))
}

/// The most processor time that one case may take, in nanoseconds.
const LIMIT: u64 = 10_000_000;

/// Runs one case of a test of chance and refuses one that takes longer than `LIMIT`.
///
/// Other work on the machine counts for nothing: it is the time of this thread. What a page of memory that is not there
/// yet, or a host that takes the processor away, adds once, is not added each time: a case over the limit is run again,
/// and the least of ten times counts.
pub fn timed<T>(mut case: impl FnMut() -> T) -> T {
    let mut time = || {
        let start = processor_time();
        let result = case();
        (processor_time() - start, result)
    };
    let (first, result) = time();
    if first > LIMIT {
        let least = (1..10).map(|_| time().0).min().unwrap_or(first);
        assert!(least <= LIMIT, "a case takes {least} ns");
    }
    result
}

/// The processor time of this thread so far, in nanoseconds (POSIX, clock_gettime).
pub fn processor_time() -> u64 {
    #[repr(C)]
    struct Timespec {
        seconds: i64,
        nanoseconds: core::ffi::c_long,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: core::ffi::c_int, time: *mut Timespec) -> core::ffi::c_int;
    }
    const THREAD: core::ffi::c_int = if cfg!(target_os = "macos") { 16 } else { 3 };
    let mut time = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: the C library, which std links, writes nothing but the two numbers.
    let status = unsafe { clock_gettime(THREAD, &mut time) };
    assert_eq!(status, 0);
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}

/// Memory from `base` on, which holds rubbish at first.
pub struct FakeMemory {
    pub base: u64,
    pub content: Vec<u8>,
}

impl FakeMemory {
    pub fn new(base: u64, length: usize) -> FakeMemory {
        FakeMemory {
            base,
            content: vec![0xCC; length],
        }
    }
}

impl Memory for FakeMemory {
    fn bytes(&mut self, address: u64, length: u64) -> &mut [u8] {
        &mut self.content[(address - self.base) as usize..][..length as usize]
    }
}

/// A machine of fake memory; what it allocates lies there.
pub struct FakePlatform {
    pub memory: FakeMemory,
    pub map: MemoryMap,
    pub framebuffer: Option<FrameBuffer>,
    /// What the kernel wanted of the screen.
    pub screen: Option<Screen>,
    /// All that was allocated: where, how many bytes, and for what.
    pub given: Vec<(u64, u64, Use)>,
}

impl FakePlatform {
    pub fn new(base: u64, length: usize) -> FakePlatform {
        FakePlatform {
            memory: FakeMemory::new(base, length),
            map: MemoryMap::new(base, base + length as u64),
            framebuffer: None,
            screen: None,
            given: Vec::new(),
        }
    }
}

impl Memory for FakePlatform {
    fn bytes(&mut self, address: u64, length: u64) -> &mut [u8] {
        self.memory.bytes(address, length)
    }
}

impl FrameAllocator for FakePlatform {
    fn allocate(
        &mut self,
        purpose: Use,
        length: u64,
        placement: Placement,
    ) -> Result<u64, Failure> {
        let address = self.map.allocate(purpose, length, placement)?;
        self.given.push((address, length, purpose));
        Ok(address)
    }
}

impl Platform for FakePlatform {
    fn map(&mut self) -> &mut MemoryMap {
        &mut self.map
    }

    fn set_screen(&mut self, screen: Screen) -> Result<Option<FrameBuffer>, Failure> {
        self.screen = Some(screen);
        Ok(self.framebuffer)
    }

    fn find_rsdp(&mut self) -> Option<u64> {
        Some(0xF_5A10)
    }

    fn random(&mut self) -> u64 {
        0x1234_5678_9ABC_DEF0
    }

    fn exit(&mut self) -> Result<&MemoryMap, Failure> {
        Ok(&self.map)
    }
}

/// A disk in memory that insists on whole sectors, as a real one does.
pub struct FakeDisk {
    pub content: Vec<u8>,
    pub sector_size: u64,
}

impl FakeDisk {
    pub fn new(content: Vec<u8>) -> FakeDisk {
        FakeDisk {
            content,
            sector_size: 512,
        }
    }
}

impl ReadAt for FakeDisk {
    fn read_at(&mut self, offset: u64, length: usize) -> Result<&[u8], Failure> {
        let is_whole = offset % self.sector_size == 0 && length as u64 % self.sector_size == 0;
        assert!(is_whole && length <= self.largest_read());
        let missing = Kind::DiskRead.with(offset / 512, 4);
        let start = usize::try_from(offset).map_err(|_| missing)?;
        self.content
            .get(start..)
            .and_then(|rest| rest.get(..length))
            .ok_or(missing)
    }

    fn largest_read(&self) -> usize {
        127 * 512
    }

    fn sector_size(&self) -> u64 {
        self.sector_size
    }
}

pub const PT_LOAD: u32 = 1;
pub const R: u32 = 4;
pub const W: u32 = 2;
pub const X: u32 = 1;

/// A program header to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Header {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub address: u64,
    pub file_size: u64,
    pub memory_size: u64,
}

/// An ELF file of `length` bytes with those headers; bytes that no header takes are `filling`.
pub fn write_elf(entry: u64, headers: &[Header], length: usize, filling: u8) -> Vec<u8> {
    let mut file = vec![filling; length.max(64 + headers.len() * 56)];
    let mut put =
        |offset: usize, bytes: &[u8]| file[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01\x00\0\0\0\0\0\0\0\0");
    put(16, &2u16.to_le_bytes());
    put(18, &62u16.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(24, &entry.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(52, &64u16.to_le_bytes());
    put(54, &56u16.to_le_bytes());
    put(56, &(headers.len() as u16).to_le_bytes());
    for (index, header) in headers.iter().enumerate() {
        let at = 64 + index * 56;
        put(at, &header.kind.to_le_bytes());
        put(at + 4, &header.flags.to_le_bytes());
        let fields = [
            header.offset,
            header.address,
            header.address,
            header.file_size,
            header.memory_size,
            4096,
        ];
        for (number, field) in fields.iter().enumerate() {
            put(at + 8 + number * 8, &field.to_le_bytes());
        }
    }
    file
}

/// The code of what went wrong.
pub fn code<T>(result: Result<T, Failure>) -> String {
    match result {
        Ok(_) => "none".into(),
        Err(failure) => String::from_utf8(failure.kind.code().to_vec()).unwrap(),
    }
}
