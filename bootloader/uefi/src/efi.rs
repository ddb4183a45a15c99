//! The parts of UEFI 2.10 that this loader calls, each at its place in the firmware's tables.

use core::ffi::c_void;

pub type Handle = *mut c_void;
pub type Status = usize;

pub const SUCCESS: Status = 0;
const ERROR: Status = 1 << 63;
pub const LOAD_ERROR: Status = ERROR | 1;
pub const BUFFER_TOO_SMALL: Status = ERROR | 5;

/// Of AllocatePages: below an address.
pub const ALLOCATE_MAX_ADDRESS: u32 = 1;
pub const ALLOCATE_ADDRESS: u32 = 2;
/// The one kind of memory that is asked for: some firmware stops at its exit where programs make up kinds of their own.
pub const LOADER_DATA: u32 = 2;
/// Of LocateHandle: those with a protocol.
pub const BY_PROTOCOL: u32 = 2;

/// An entry of a table that is not called.
type Unused = usize;

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Guid(u32, u16, u16, [u8; 8]);

macro_rules! guids {
    ($($name:ident $a:literal $b:literal $c:literal $d:expr;)*) => {
        $(pub const $name: Guid = Guid($a, $b, $c, $d);)*
    };
}

guids! {
    LOADED_IMAGE 0x5B1B_31A1 0x9562 0x11D2 [0x8E, 0x3F, 0x00, 0xA0, 0xC9, 0x69, 0x72, 0x3B];
    DEVICE_PATH 0x0957_6E91 0x6D3F 0x11D2 [0x8E, 0x39, 0x00, 0xA0, 0xC9, 0x69, 0x72, 0x3B];
    BLOCK_IO 0x964E_5B21 0x6459 0x11D2 [0x8E, 0x39, 0x00, 0xA0, 0xC9, 0x69, 0x72, 0x3B];
    GRAPHICS_OUTPUT 0x9042_A9DE 0x23DC 0x4A38 [0x96, 0xFB, 0x7A, 0xDE, 0xD0, 0x80, 0x51, 0x6A];
    // EDK2's mark on each device that the console's output goes to.
    CONSOLE_OUT_DEVICE 0xD3B3_6F2C 0xD551 0x11D4 [0x9A, 0x46, 0x00, 0x90, 0x27, 0x3F, 0xC1, 0x4D];
    ACPI_20_TABLE 0x8868_E871 0xE4F1 0x11D3 [0xBC, 0x22, 0x00, 0x80, 0xC7, 0x3C, 0x88, 0x81];
    ACPI_10_TABLE 0xEB9D_2D30 0x2D88 0x11D3 [0x9A, 0x16, 0x00, 0x90, 0x27, 0x3F, 0xC1, 0x4D];
}

#[repr(C)]
pub struct TableHeader {
    pub signature: u64,
    pub revision: u32,
    pub size: u32,
    pub crc: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct SystemTable {
    pub header: TableHeader,
    pub vendor: *const u16,
    pub revision: u32,
    pub console_in_handle: Handle,
    pub console_in: *mut TextInput,
    pub console_out_handle: Handle,
    pub console_out: *mut TextOutput,
    pub error_handle: Handle,
    pub error: *mut TextOutput,
    pub runtime: *mut c_void,
    pub boot: *const BootServices,
    pub table_count: usize,
    pub tables: *const ConfigurationTable,
}

#[repr(C)]
pub struct ConfigurationTable {
    pub guid: Guid,
    pub table: *const c_void,
}

#[repr(C)]
pub struct TextInput {
    pub reset: Unused,
    pub read_key_stroke: unsafe extern "efiapi" fn(*mut TextInput, *mut u32) -> Status,
    pub wait_for_key: Handle,
}

#[repr(C)]
pub struct TextOutput {
    pub reset: Unused,
    pub output_string: unsafe extern "efiapi" fn(*mut TextOutput, *const u16) -> Status,
}

#[repr(C)]
pub struct BootServices {
    pub header: TableHeader,
    pub raise_tpl: Unused,
    pub restore_tpl: Unused,
    pub allocate_pages: unsafe extern "efiapi" fn(u32, u32, usize, *mut u64) -> Status,
    pub free_pages: unsafe extern "efiapi" fn(u64, usize) -> Status,
    pub get_memory_map:
        unsafe extern "efiapi" fn(*mut usize, *mut u8, *mut usize, *mut usize, *mut u32) -> Status,
    pub allocate_pool: unsafe extern "efiapi" fn(u32, usize, *mut *mut u8) -> Status,
    pub free_pool: unsafe extern "efiapi" fn(*mut u8) -> Status,
    pub create_event: Unused,
    pub set_timer: Unused,
    pub wait_for_event: unsafe extern "efiapi" fn(usize, *const Handle, *mut usize) -> Status,
    pub signal_event: Unused,
    pub close_event: Unused,
    pub check_event: Unused,
    pub install_protocol: Unused,
    pub reinstall_protocol: Unused,
    pub uninstall_protocol: Unused,
    pub handle_protocol: unsafe extern "efiapi" fn(Handle, *const Guid, *mut *mut c_void) -> Status,
    pub reserved: Unused,
    pub register_notify: Unused,
    pub locate_handle: unsafe extern "efiapi" fn(
        u32,
        *const Guid,
        *const c_void,
        *mut usize,
        *mut Handle,
    ) -> Status,
    pub locate_device_path:
        unsafe extern "efiapi" fn(*const Guid, *mut *const u8, *mut Handle) -> Status,
    pub install_configuration_table: Unused,
    pub load_image: Unused,
    pub start_image: Unused,
    pub exit: unsafe extern "efiapi" fn(Handle, Status, usize, *const u16) -> Status,
    pub unload_image: Unused,
    pub exit_boot_services: unsafe extern "efiapi" fn(Handle, usize) -> Status,
    pub get_next_monotonic_count: Unused,
    pub stall: Unused,
    pub set_watchdog_timer: unsafe extern "efiapi" fn(usize, u64, usize, *const u16) -> Status,
    pub connect_controller:
        unsafe extern "efiapi" fn(Handle, *const Handle, *const u8, bool) -> Status,
    pub disconnect_controller: Unused,
    pub open_protocol: Unused,
    pub close_protocol: Unused,
    pub open_protocol_information: Unused,
    pub protocols_per_handle: Unused,
    pub locate_handle_buffer: Unused,
    pub locate_protocol:
        unsafe extern "efiapi" fn(*const Guid, *const c_void, *mut *mut c_void) -> Status,
}

#[repr(C)]
pub struct LoadedImage {
    pub revision: u32,
    pub parent: Handle,
    pub system: *mut SystemTable,
    pub device: Handle,
    pub file_path: *const u8,
    pub reserved: *const c_void,
    pub options_size: u32,
    pub options: *const c_void,
    pub base: u64,
    pub size: u64,
}

#[repr(C)]
pub struct BlockIo {
    pub revision: u64,
    pub media: *const Media,
    pub reset: Unused,
    pub read_blocks: unsafe extern "efiapi" fn(*mut BlockIo, u32, u64, usize, *mut u8) -> Status,
}

/// What is in a drive; the firmware changes it when that changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Media {
    pub id: u32,
    pub removable: bool,
    pub present: bool,
    pub is_partition: bool,
    pub read_only: bool,
    pub write_caching: bool,
    pub block_size: u32,
    pub io_align: u32,
    pub last_block: u64,
}

#[repr(C)]
pub struct GraphicsOutput {
    pub query_mode: Unused,
    pub set_mode: Unused,
    pub blt: unsafe extern "efiapi" fn(
        *mut GraphicsOutput,
        *mut u32,
        u32,
        usize,
        usize,
        usize,
        usize,
        usize,
        usize,
        usize,
    ) -> Status,
    pub mode: *const GraphicsMode,
}

#[repr(C)]
pub struct GraphicsMode {
    pub count: u32,
    pub number: u32,
    pub info: *const GraphicsInfo,
    pub info_size: usize,
    pub address: u64,
    pub length: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct GraphicsInfo {
    pub version: u32,
    pub width: u32,
    pub height: u32,
    pub format: u32,
    pub masks: [u32; 4],
    pub stride: u32,
}
