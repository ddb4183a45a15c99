//! The way to the BIOS and back: an interrupt with registers in and out, whatever it does to A20.

use core::arch::global_asm;
use core::mem::offset_of;

use arch_x86_64::gdt;
use common::failure::{Kind, LINE_ROOM};

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
    const NONE: Registers = Registers {
        eax: 0,
        ebx: 0,
        ecx: 0,
        edx: 0,
        esi: 0,
        edi: 0,
        ebp: 0,
        eflags: 0,
        ds: 0,
        es: 0,
    };

    /// The carry flag, by which most calls report a failure.
    pub fn carry(&self) -> bool {
        self.eflags & 1 != 0
    }
}

/// What is said before there is Rust, as real mode's `say` takes it.
#[unsafe(link_section = ".low.no_long_mode")]
static NO_LONG_MODE: [u8; LINE_ROOM] = Kind::NoLongMode.line();

#[unsafe(link_section = ".low.stage_checksum")]
static STAGE_CHECKSUM: [u8; LINE_ROOM] = Kind::StageChecksum.line();

global_asm!(
    include_str!("boot_sector.s"),
    include_str!("cd_boot.s"),
    include_str!("pxe_boot.s"),
    CD_BLOCK_SECTORS = const layout::CD_BLOCK_SECTORS,
    SECTOR_SIZE = const layout::SECTOR_SIZE,
    BPB_END = const layout::BPB_END,
    BOOT_SECTOR_ADDRESS = const layout::BOOT_SECTOR_ADDRESS,
    BIOS_BOOT_FIRST_LBA = const layout::BIOS_BOOT_FIRST_LBA,
    STAGE_LOAD_ADDRESS = const layout::STAGE_LOAD_ADDRESS,
    STAGE_PIECE_SECTORS = const layout::STAGE_PIECE_SECTORS,
    STAGE_MAGIC = const layout::STAGE_MAGIC,
    STAGE_MAGIC_OFFSET = const layout::STAGE_MAGIC_OFFSET,
    STAGE_LOW_END = const layout::STAGE_LOW_END,
    STAGE_BUILD_ID_OFFSET = const layout::STAGE_BUILD_ID_OFFSET,
    SERIAL_PORT = const layout::SERIAL_PORT,
    DEBUG_CONSOLE_PORT = const layout::DEBUG_CONSOLE_PORT,
    NO_EDD = const Kind::NoEdd.code_word(),
    STAGE_UNREADABLE = const Kind::StageUnreadable.code_word(),
    STAGE_MAGIC_CODE = const Kind::StageMagic.code_word(),
    STAGE_BUILD_ID_CODE = const Kind::StageBuildId.code_word(),
    STAGE_CHECKSUM_CODE = const Kind::StageChecksum.code_word(),
    NO_NETWORK = const Kind::PxeNoRom.code_word(),
);

global_asm!(
    include_str!("../../arch/x86_64/src/long_mode.s"),
    include_str!("real_mode.s"),
    STAGE_MAGIC = const layout::STAGE_MAGIC,
    STAGE_MAGIC_OFFSET = const layout::STAGE_MAGIC_OFFSET,
    STAGE_HEADER_SIZE = const layout::STAGE_HEADER_SIZE,
    BOOT_SECTOR_ADDRESS = const layout::BOOT_SECTOR_ADDRESS,
    LOADER_TABLES_ADDRESS = const layout::LOADER_TABLES_ADDRESS,
    LOADER_STACK_END = const layout::LOADER_STACK_END,
    CODE_64 = const gdt::CODE_64,
    DATA_64 = const gdt::DATA_64,
    TASK = const gdt::TASK,
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
    STAGE_CHECKSUM = sym STAGE_CHECKSUM,
    STAGE_LOAD_ADDRESS = const layout::STAGE_LOAD_ADDRESS,
    STAGE_LOW_END = const layout::STAGE_LOW_END,
    STAGE_SECTORS_OFFSET = const layout::STAGE_SECTORS_OFFSET,
    SECTOR_SIZE = const layout::SECTOR_SIZE,
);

unsafe extern "sysv64" {
    fn bios_thunk(vector: u32, registers: *mut Registers);
    static pxe_gate: u32;
}

/// Where real mode finds the registers of the call that is under way.
#[unsafe(link_section = ".low.registers")]
static mut CURRENT: Registers = Registers::NONE;

/// Calls INT `vector`, and leaves A20 as the BIOS left it.
pub fn call(vector: u8, registers: &mut Registers) {
    call_handler(vector.into(), registers);
}

/// Calls the ROM of the network card that the machine was booted by, in the same way.
pub fn call_network(registers: &mut Registers) {
    call_handler(&raw const pxe_gate as u32 / 4, registers);
}

/// Calls the handler whose far address is the doubleword of that number, as INT does.
fn call_handler(place: u32, registers: &mut Registers) {
    let current = &raw mut CURRENT;
    // SAFETY: nobody else uses `CURRENT`, for a call never begins in a call; the BIOS's data below 0x500 and its
    // handlers are untouched; the thunk restores all that Rust relies on.
    unsafe {
        current.write_volatile(*registers);
        bios_thunk(place, current);
        *registers = current.read_volatile();
    }
}
