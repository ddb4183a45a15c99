"""An ELF of 64 bits as far as the loader reads it: header, program headers and, by name, a section. No more is read.

pyelftools knows all of the format and takes 60 ms to import; what Cargo's runner asks is answered by two tables.
Source: System V ABI, chapters 4 and 5.
"""

from __future__ import annotations

import struct
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record

MAGIC = b"\x7fELF"
EM_X86_64 = 62
ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_TLS = 1, 2, 3, 7
PF_X = 1
CLASS_64, LITTLE_ENDIAN = 2, 1
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SECTIONS_AT, _SECTION_COUNTS_AT = 40, 58  # e_shoff; e_shentsize, e_shnum and e_shstrndx


@record(frozen=True)
class Segment:
    """One program header: its type, and where its bytes lie in the file and in memory."""

    p_type: int
    p_flags: int
    p_offset: int
    p_vaddr: int
    p_filesz: int
    p_memsz: int
    p_align: int

    @property
    def end(self) -> int:
        """The first address behind the segment."""
        return self.p_vaddr + self.p_memsz


class ElfFile:
    """The bytes of an ELF, named path in sentences; raises BootwrightError for what is none, or not whole."""

    def __init__(self, data: bytes, path: Path) -> None:
        self.data = data
        self._path = path
        if not MAGIC.startswith(data[:4]):
            raise BootwrightError(f"{path} is no ELF file")
        if len(data) < _HEADER.size:
            raise self._not_whole()
        self.is_64_little = (data[4], data[5]) == (CLASS_64, LITTLE_ENDIAN)
        fields = _HEADER.unpack_from(data)
        _, self.e_type, self.e_machine, _, self.e_entry, phoff, self._shoff, _, _, phsize, phnum = fields[:11]
        self._shsize, self._shnum, self._shstrndx = fields[11:]
        if not self.is_64_little:
            self.segments: list[Segment] = []
            return
        if phsize != _PROGRAM.size or phoff + phnum * phsize > len(data):
            raise self._not_whole()
        self.segments = []
        for number in range(phnum):
            kind, flags, offset, vaddr, _, filesz, memsz, align = _PROGRAM.unpack_from(data, phoff + number * phsize)
            if offset + filesz > len(data):
                raise BootwrightError(
                    f"{path} is no whole ELF file: the segment at {vaddr:#x} ends at byte {offset + filesz} of a file "
                    f"of {len(data)}: it is truncated"
                )
            self.segments.append(Segment(kind, flags, offset, vaddr, filesz, memsz, align))
        self._end_of_headers = max(_HEADER.size, phoff + phnum * phsize)

    def _not_whole(self) -> BootwrightError:
        return BootwrightError(f"{self._path} is no whole ELF file of {len(self.data)} bytes")

    def section(self, name: str) -> bytes | None:
        """Returns the bytes of the section of that name; None where there is none."""
        if not self._shnum:
            return None
        if self._shsize != _SECTION.size or self._shoff + self._shnum * self._shsize > len(self.data):
            raise self._not_whole()
        headers = [_SECTION.unpack_from(self.data, self._shoff + i * self._shsize) for i in range(self._shnum)]
        if self._shstrndx >= len(headers):
            raise self._not_whole()
        names = headers[self._shstrndx][4]
        wanted = name.encode() + b"\0"
        for start, _, _, _, offset, size, *_ in headers:
            if self.data[names + start : names + start + len(wanted)] == wanted:
                if offset + size > len(self.data):
                    raise self._not_whole()
                return self.data[offset : offset + size]
        return None

    def without_sections(self) -> bytes:
        """Returns what a loader reads: headers and segments, without the sections behind them and their table."""
        end = max([self._end_of_headers, *(segment.p_offset + segment.p_filesz for segment in self.segments)])
        short = bytearray(self.data[:end])
        struct.pack_into("<Q", short, _SECTIONS_AT, 0)
        struct.pack_into("<HHH", short, _SECTION_COUNTS_AT, 0, 0, 0)
        return bytes(short)
