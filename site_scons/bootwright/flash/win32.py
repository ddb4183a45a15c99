"""Windows' own calls for drives and volumes, through ctypes; no other module knows their shapes."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    GENERIC_READ_WRITE = 0xC0000000
    FILE_SHARE_READ = 1
    FILE_SHARE_WRITE = 2
    OPEN_EXISTING = 3
    UNBUFFERED = 0x20000000 | 0x80000000  # FILE_FLAG_NO_BUFFERING and FILE_FLAG_WRITE_THROUGH
    INVALID_HANDLE = ctypes.c_void_p(-1).value

    class Overlapped(ctypes.Structure):
        """OVERLAPPED, which carries the offset of a read or a write."""

        _fields_ = (
            ("internal", ctypes.c_void_p),
            ("internal_high", ctypes.c_void_p),
            ("offset", wintypes.DWORD),
            ("offset_high", wintypes.DWORD),
            ("event", wintypes.HANDLE),
        )

    class Kernel32:
        """bootwright.flash.windows_medium.Win32, the real one."""

        def __init__(self) -> None:
            self._dll = ctypes.WinDLL("kernel32", use_last_error=True)
            self._dll.CreateFileW.restype = wintypes.HANDLE
            self._dll.CreateFileW.argtypes = (
                wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD,
                wintypes.HANDLE,
            )  # fmt: skip
            self._dll.DeviceIoControl.argtypes = (
                wintypes.HANDLE, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD,
                ctypes.POINTER(wintypes.DWORD), ctypes.c_void_p,
            )  # fmt: skip
            for name in ("ReadFile", "WriteFile"):
                getattr(self._dll, name).argtypes = (
                    wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD, ctypes.POINTER(wintypes.DWORD), ctypes.c_void_p,
                )  # fmt: skip
            self._dll.FlushFileBuffers.argtypes = (wintypes.HANDLE,)
            self._dll.CloseHandle.argtypes = (wintypes.HANDLE,)

        def system_directory(self) -> str:
            buffer = ctypes.create_unicode_buffer(wintypes.MAX_PATH)
            if not self._dll.GetSystemDirectoryW(buffer, wintypes.MAX_PATH):
                raise _last_error()
            return buffer.value

        def is_administrator(self) -> bool:
            return bool(ctypes.windll.shell32.IsUserAnAdmin())

        def open(self, path: str, exclusive: bool) -> int:
            share = FILE_SHARE_READ if exclusive else FILE_SHARE_READ | FILE_SHARE_WRITE
            handle = self._dll.CreateFileW(path, GENERIC_READ_WRITE, share, None, OPEN_EXISTING, UNBUFFERED, None)
            if handle in (None, INVALID_HANDLE):
                raise _last_error()
            return int(handle)

        def control(self, handle: int, code: int, length: int) -> bytes:
            answer, got = ctypes.create_string_buffer(max(length, 1)), wintypes.DWORD()
            out = answer if length else None
            if not self._dll.DeviceIoControl(handle, code, None, 0, out, length, ctypes.byref(got), None):
                raise _last_error()
            return answer.raw[: got.value]

        def read(self, handle: int, offset: int, view: memoryview) -> int:
            return self._transfer(self._dll.ReadFile, handle, offset, view)

        def write(self, handle: int, offset: int, view: memoryview) -> int:
            return self._transfer(self._dll.WriteFile, handle, offset, view)

        def _transfer(self, call: ctypes._NamedFuncPointer, handle: int, offset: int, view: memoryview) -> int:
            place = Overlapped(offset=offset & 0xFFFFFFFF, offset_high=offset >> 32)
            memory, done = (ctypes.c_char * len(view)).from_buffer(view), wintypes.DWORD()
            if not call(handle, memory, len(view), ctypes.byref(done), ctypes.byref(place)):
                raise _last_error()
            return int(done.value)

        def flush(self, handle: int) -> None:
            if not self._dll.FlushFileBuffers(handle):
                raise _last_error()

        def close(self, handle: int) -> None:
            self._dll.CloseHandle(handle)

    def _last_error() -> OSError:
        number = ctypes.get_last_error()
        return OSError(number, ctypes.FormatError(number).strip())
