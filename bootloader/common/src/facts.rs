//! What passes between a loader and a protocol: the facts of machine and kernel file, and the way into the kernel.

use crate::file::Placed;
use crate::kernel_file::Settings;
use crate::plan::Mapping;
use crate::platform::FrameBuffer;

/// What the loader's own code and the machine keep mapped to itself.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    /// The jump into the kernel with the tables that the processor reads there: every kernel has it.
    pub jump: &'a [Mapping],
    /// What kernels of bootloader 0.9 find in low memory, the jump included.
    pub low: &'a [Mapping],
}

/// Everything that a protocol may want to know.
pub struct Facts<'a> {
    pub settings: &'a Settings,
    pub kept: Kept<'a>,
    pub framebuffer: Option<FrameBuffer>,
    pub rsdp: Option<u64>,
    pub ramdisk: Option<Placed>,
    pub elf: Placed,
    /// The bytes of that ELF: some protocols' kernels say in their data what they want.
    pub file: &'a [u8],
    /// The end of the last region that the firmware reports.
    pub memory_end: u64,
    pub region_count: usize,
    pub is_uefi: bool,
    pub seed: u64,
}

/// How the kernel is entered; each is a jump in arch/. Addresses are virtual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Called, as if by the loader, which is told when it returns; with SSE on or off.
    Call64 {
        address: u64,
        stack_end: u64,
        argument: u64,
        sse: bool,
    },
    /// Jumped to, with a zero where a return address would be.
    Jump64 {
        address: u64,
        stack_end: u64,
        argument: u64,
    },
}
