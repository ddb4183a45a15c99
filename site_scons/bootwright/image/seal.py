"""What the builder writes into the EFI program: which kernel it starts, which release it is, or the kernel itself.

The seal is the SHA-256 of the kernel file, which the program holds room for. SBAT is a section of text by which
firmware and shim revoke old releases by number (github.com/rhboot/shim, SBAT.md).
"""

from __future__ import annotations

import hashlib
import struct

from bootwright.base.errors import BootwrightError
from bootwright.image import layout, pe

SBAT = b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\nbootwright,1,bootwright,bootwright,0.1.0,-\n"
_SEAL = struct.Struct("<9I")  # that there is one, and the digest, as the loader has it: words, not bytes
_KERNEL = struct.Struct("<2I")  # behind it, where the kernel file lies in the program, and its length
_SUM = struct.Struct("<4x2Q")  # and behind that, on a whole quadword, the sum, and how many addresses are in it


def kernel_digest(kernel_file: bytes) -> bytes:
    """Returns the SHA-256 of what the loader takes of a kernel file: header, ELF and ramdisk, without what fills up."""
    start = layout.KERNEL_HEADER_SIZE
    (length,) = struct.unpack_from("<Q", kernel_file, layout.KERNEL_ELF_LENGTH_OFFSET)
    digest = hashlib.sha256(kernel_file[: start + length])
    ramdisk = start + length + -length % layout.SECTOR_SIZE
    digest.update(kernel_file[ramdisk : ramdisk + _ramdisk_length(kernel_file)])
    return digest.digest()


def _ramdisk_length(kernel_file: bytes) -> int:
    (length,) = struct.unpack_from("<I", kernel_file, layout.KERNEL_RECORDS_LENGTH_OFFSET)
    records = kernel_file[layout.KERNEL_RECORDS_OFFSET :][:length]
    values: dict[int, int] = {tag: value for tag, _, value in struct.iter_unpack("<IIQ", records)}
    return values.get(layout.RECORD_RAMDISK_LENGTH, 0)


def seal(program: bytes, kernel_file: bytes) -> bytes:
    """Returns the EFI program as it is before it is signed: for that kernel alone, and with its release's number."""
    at = _seal_of(program)
    words = struct.unpack(">8I", kernel_digest(kernel_file))
    sealed = program[:at] + _SEAL.pack(1, *words) + program[at + _SEAL.size :]
    return pe.add_section(sealed, ".sbat", SBAT)[0]


def sum_up(program: bytes) -> bytes:
    """Returns the EFI program with the sum of its code and constants in it, which it compares first of all.

    What the firmware writes an address to is counted: the program takes its own place from each of these. Raises
    BootwrightError for a program whose code or seal holds such a place.
    """
    code, constants = pe.section(program, ".text"), pe.section(program, ".rodata")
    start = len(layout.SEAL_MARK) + _SEAL.size + _KERNEL.size + _SUM.size
    assert constants.data.startswith(layout.SEAL_MARK), "the link script has the seal before the constants"
    pieces = (code.data, constants.data[start:])
    if any(len(piece) % 8 for piece in pieces):
        raise BootwrightError("the EFI program's code and constants are no whole quadwords")
    summed = sum(sum(struct.unpack(f"<{len(piece) // 8}Q", piece)) for piece in pieces)
    places = [place - constants.address for place in pe.relocations(program)]
    if any(place < start or place % 8 for place in places):
        raise BootwrightError("the EFI program has an address in its code or seal, or across two quadwords")
    count = sum(place < len(constants.data) for place in places)
    at = _seal_of(program) + _SEAL.size + _KERNEL.size
    return program[:at] + _SUM.pack(summed % (1 << 64), count) + program[at + _SUM.size :]


def embed(program: bytes, kernel_file: bytes) -> bytes:
    """Returns the EFI program with the kernel file in it, which it then reads from no disk: what comes by network."""
    larger, address = pe.add_section(program, ".kernel", kernel_file, kept=True)
    at = _seal_of(larger) + _SEAL.size
    return larger[:at] + _KERNEL.pack(address, len(kernel_file)) + larger[at + _KERNEL.size :]


def _seal_of(program: bytes) -> int:
    """Returns where the seal begins, behind its mark."""
    assert program.count(layout.SEAL_MARK) == 1, "bootloader/uefi/src/seal.rs has it once"
    return program.index(layout.SEAL_MARK) + len(layout.SEAL_MARK)
