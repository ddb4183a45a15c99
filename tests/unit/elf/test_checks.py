"""The checks of a kernel's ELF: each breach is one sentence with the file and the numbers."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootwright.base.errors import BootwrightError
from bootwright.elf.checks import check_kernel

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_TLS = 1, 2, 3, 7
PF_X, PF_W, PF_R = 1, 2, 4
ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
EM_X86_64, EM_AARCH64 = 62, 183


@dataclass(frozen=True)
class Load:
    """One program header of a made-up kernel."""

    p_vaddr: int = 0x200000
    p_offset: int = 0x1000
    p_filesz: int = 0x100
    p_memsz: int = 0x100
    p_flags: int = PF_R | PF_X
    p_type: int = PT_LOAD

    def to_bytes(self) -> bytes:
        return struct.pack(
            "<IIQQQQQQ",
            self.p_type,
            self.p_flags,
            self.p_offset,
            self.p_vaddr,
            self.p_vaddr,
            self.p_filesz,
            self.p_memsz,
            0x1000,
        )


@dataclass(frozen=True)
class Kernel:
    """A made-up ELF without sections; accepted as it stands."""

    e_type: int = ET_EXEC
    e_machine: int = EM_X86_64
    e_entry: int = 0x200010
    loads: tuple[Load, ...] = field(default=(Load(),))
    length: int = 0x3000

    def to_bytes(self) -> bytes:
        ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
        header = ident + struct.pack(
            "<HHIQQQIHHHHHH",
            self.e_type,
            self.e_machine,
            1,
            self.e_entry,
            64,
            0,
            0,
            64,
            56,
            len(self.loads),
            64,
            0,
            0,
        )
        return (header + b"".join(load.to_bytes() for load in self.loads)).ljust(self.length, b"\x90")


def refusal(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "k.elf"
    path.write_bytes(data)
    with pytest.raises(BootwrightError) as raised:
        check_kernel(path)
    assert str(path) in raised.value.message
    assert "\n" not in raised.value.message
    return str(raised.value)


@pytest.mark.parametrize(
    "kernel",
    [Kernel(), Kernel(e_type=ET_DYN), Kernel(e_type=ET_DYN, e_entry=0x1010, loads=(Load(p_vaddr=0x1000),))],
    ids=["static", "movable", "movable, linked at 0"],
)
def test_a_sound_kernel_is_accepted(tmp_path: Path, kernel: Kernel) -> None:
    path = tmp_path / "k.elf"
    path.write_bytes(kernel.to_bytes())
    check_kernel(path)


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (Kernel(e_machine=EM_AARCH64), "EM_AARCH64"),
        (Kernel(e_type=ET_REL), "the loader starts ET_EXEC and ET_DYN"),
        (Kernel(e_entry=0), "no symbol `_start`"),
        (Kernel(e_entry=0x300000), "0x300000 is in no executable segment"),
        (Kernel(loads=(Load(p_flags=PF_R),)), "in no executable segment"),
        (Kernel(loads=()), "no segment to load"),
        (Kernel(loads=(Load(),) * 2), "overlap"),
        (Kernel(loads=(Load(), Load(p_vaddr=0x200080, p_offset=0x1080))), "0x200080 to 0x200180 overlap"),
        (Kernel(loads=(Load(p_vaddr=0x0000_9000_0000_0000),)), "canonical"),
        (Kernel(loads=(Load(p_vaddr=0xFFFF_FFFF_FFFF_F000, p_memsz=0x2000),)), "canonical"),
        (Kernel(loads=(Load(p_vaddr=0xB8000),)), "below 0x100000"),
        (Kernel(loads=(Load(p_filesz=0x200),)), "512 bytes in the file but 256 in memory"),
        (Kernel(loads=(Load(p_offset=0x1008),)), "equal modulo 4096"),
        (Kernel(loads=(Load(p_filesz=0x4000, p_memsz=0x4000),)), "it is truncated"),
        (Kernel(loads=(Load(), Load(p_type=PT_INTERP))), "PT_INTERP"),
        (Kernel(loads=(Load(), Load(p_type=PT_DYNAMIC))), "PT_DYNAMIC"),
        (Kernel(loads=(Load(), *(Load(p_type=PT_TLS),) * 2)), "2 PT_TLS segments; the limit is 1"),
        (Kernel(loads=(Load(),) * 33), "33 program headers; the limit is 32"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_breach_is_one_sentence_that_names_it(tmp_path: Path, kernel: Kernel, words: str) -> None:
    assert words in refusal(tmp_path, kernel.to_bytes())


@pytest.mark.parametrize("length", [0, 3, 40, 63, 64, 100, 119])
def test_a_truncated_file_is_refused(tmp_path: Path, length: int) -> None:
    assert "no whole ELF file" in refusal(tmp_path, Kernel().to_bytes()[:length])


def test_a_file_that_ends_inside_a_segment_is_refused_with_both_lengths(tmp_path: Path) -> None:
    text = refusal(tmp_path, replace(Kernel(), length=0x1080).to_bytes())
    assert "ends at byte 4352 of a file of 4224" in text


@settings(max_examples=400)
@given(st.dictionaries(st.integers(0, 175), st.integers(0, 255), min_size=1, max_size=6))
def test_no_change_of_the_headers_gives_anything_but_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[int, int]
) -> None:
    data = bytearray(Kernel(loads=(Load(), Load(p_vaddr=0x300000, p_offset=0x2000))).to_bytes())
    for offset, value in changes.items():
        data[offset] = value
    path = tmp_path_factory.mktemp("fuzz") / "k.elf"
    path.write_bytes(data)
    try:
        check_kernel(path)
    except BootwrightError as error:
        assert str(path) in error.message
