//! The one door to the BIOS: an interrupt with registers in and out.

use core::arch::global_asm;
use core::mem::offset_of;

use arch_x86_64::gdt;
use common::failure::{Kind, LINE_ROOM};

use crate::a20;

/// The registers of a call. `DS` and `ES` are segments; `eflags` holds only what came back.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Registers {
    pub eax: u32,
    pub ebx: u32,
    pub ecx: u32,
    pub edx: u32,
    pub esi: u32,
    pub edi: u32,
    pub ebp: u32,
    pub eflags: u32,
    pub ds: u16,
    pub es: u16,
}

impl Registers {
    /// The carry flag, by which most calls report a failure.
    pub fn carry(&self) -> bool {
        self.eflags & 1 != 0
    }
}

/// What is said before there is a 64-bit mode, as real mode's `say` takes it.
static NO_LONG_MODE: [u8; LINE_ROOM] = Kind::NoLongMode.line();

global_asm!(
    include_str!("boot_sector.s"),
    SECTOR_SIZE = const layout::SECTOR_SIZE,
    BPB_END = const layout::BPB_END,
    BOOT_SECTOR_ADDRESS = const layout::BOOT_SECTOR_ADDRESS,
    BIOS_BOOT_FIRST_LBA = const layout::BIOS_BOOT_FIRST_LBA,
    STAGE_LOAD_ADDRESS = const layout::STAGE_LOAD_ADDRESS,
    STAGE_MAX_SECTORS = const layout::STAGE_MAX_SECTORS,
    STAGE_MAGIC = const layout::STAGE_MAGIC,
    STAGE_MAGIC_OFFSET = const layout::STAGE_MAGIC_OFFSET,
    STAGE_SECTORS_OFFSET = const layout::STAGE_SECTORS_OFFSET,
    STAGE_BUILD_ID_OFFSET = const layout::STAGE_BUILD_ID_OFFSET,
    SERIAL_PORT = const layout::SERIAL_PORT,
    DEBUG_CONSOLE_PORT = const layout::DEBUG_CONSOLE_PORT,
    NO_EDD = const Kind::NoEdd.code_word(),
    STAGE_UNREADABLE = const Kind::StageUnreadable.code_word(),
    STAGE_MAGIC_CODE = const Kind::StageMagic.code_word(),
    STAGE_BUILD_ID_CODE = const Kind::StageBuildId.code_word(),
    STAGE_CHECKSUM_CODE = const Kind::StageChecksum.code_word(),
);

global_asm!(
    include_str!("../../arch/x86_64/src/long_mode.s"),
    include_str!("real_mode.s"),
    STAGE_MAGIC = const layout::STAGE_MAGIC,
    STAGE_MAGIC_OFFSET = const layout::STAGE_MAGIC_OFFSET,
    STAGE_HEADER_SIZE = const layout::STAGE_HEADER_SIZE,
    BOOT_SECTOR_ADDRESS = const layout::BOOT_SECTOR_ADDRESS,
    LOADER_TABLES_ADDRESS = const layout::LOADER_TABLES_ADDRESS,
    CODE_64 = const gdt::CODE_64,
    DATA_64 = const gdt::DATA_64,
    CODE_16 = const gdt::CODE_16,
    DATA_16 = const gdt::DATA_16,
    EAX = const offset_of!(Registers, eax),
    EBX = const offset_of!(Registers, ebx),
    ECX = const offset_of!(Registers, ecx),
    EDX = const offset_of!(Registers, edx),
    ESI = const offset_of!(Registers, esi),
    EDI = const offset_of!(Registers, edi),
    EBP = const offset_of!(Registers, ebp),
    EFLAGS = const offset_of!(Registers, eflags),
    DS = const offset_of!(Registers, ds),
    ES = const offset_of!(Registers, es),
    NO_LONG_MODE = sym NO_LONG_MODE,
    MAIN = sym crate::main,
);

unsafe extern "sysv64" {
    fn bios_thunk(vector: u32, registers: *mut Registers);
}

/// Calls INT `vector`. Afterwards A20 is on if it was before, whatever the BIOS did to it.
pub fn call(vector: u8, registers: &mut Registers) {
    let a20_was_on = a20::is_on();
    // SAFETY: `registers` lies on the stack or in the stage, both below 64 KiB; the BIOS's data below 0x500 and its
    // handlers are untouched; the thunk restores all that Rust relies on.
    unsafe { bios_thunk(vector.into(), registers) };
    if a20_was_on && !a20::is_on() {
        a20::enable_again();
    }
}

/// The segment and offset by which real mode names an address below 1 MiB.
pub fn far(address: usize) -> (u16, u16) {
    ((address >> 4) as u16, (address & 15) as u16)
}
