//! What a compiler calls on Windows and macOS that no library of a freestanding program brings.
//!
//! A linker takes from this archive only what is referred to. The names are those of the compilers' own run-time
//! libraries: LLVM refers to them in what it makes of plain Rust.

#![no_std]

/// A program that uses floating point refers to this; nobody reads it.
#[cfg(target_os = "windows")]
#[unsafe(no_mangle)]
#[used]
pub static _fltused: i32 = 0;

// A function with a frame of 4 KiB or more calls this before it moves its stack pointer. Each page of the stack is
// touched, from the highest down, since Windows makes the next one only when its guard page is touched.
//
// x86-64: the frame's size is in rax. All registers but r10, r11 and the flags keep their values.
#[cfg(all(target_os = "windows", target_arch = "x86_64"))]
core::arch::global_asm!(
    ".globl __chkstk",
    "__chkstk:",
    "mov r11, rax",
    "lea r10, [rsp + 8]", // the caller's stack pointer
    "2:",
    "cmp r11, 4096",
    "jb 3f",
    "sub r10, 4096",
    "test byte ptr [r10], 0",
    "sub r11, 4096",
    "jmp 2b",
    "3:",
    "sub r10, r11",
    "test byte ptr [r10], 0",
    "ret",
);

// AArch64: the frame's size, in units of 16 bytes, is in x15. All registers but x16, x17 and the flags keep theirs.
#[cfg(all(target_os = "windows", target_arch = "aarch64"))]
core::arch::global_asm!(
    ".globl __chkstk",
    "__chkstk:",
    "lsl x16, x15, #4",
    "mov x17, sp",
    "2:",
    "sub x17, x17, #4096",
    "subs x16, x16, #4096",
    "ldr xzr, [x17]",
    "b.gt 2b",
    "ret",
);

/// On macOS LLVM says memset to zero this way: `bzero` for AArch64, `__bzero` for x86-64.
#[cfg(target_os = "macos")]
mod zero {
    unsafe extern "C" {
        fn memset(to: *mut u8, value: i32, length: usize) -> *mut u8;
    }

    /// # Safety
    /// `to` is valid for writes of `length` bytes.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn bzero(to: *mut u8, length: usize) {
        // SAFETY: the caller's promise is memset's condition.
        unsafe { memset(to, 0, length) };
    }

    /// # Safety
    /// `to` is valid for writes of `length` bytes.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn __bzero(to: *mut u8, length: usize) {
        // SAFETY: the caller's promise is memset's condition.
        unsafe { memset(to, 0, length) };
    }
}
