"""What a kernel finds when the loader calls it: registers, pages, memory map, and the rights of each page."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from tests.boot.kernels import HOME, Workshop
from tests.boot.loader_rig import PAGE, Ended, Rig

from bootwright.image import layout
from bootwright.image.kernel_file import KernelSettings

MIB = 1 << 20
STACK = 512 * PAGE
BOOT_INFO = 0x100_0000_0000  # upstream's, for a kernel in the lowest top-level entry
STACK_END = 0x100_0020_2000


@pytest.fixture(scope="module")
def rig(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(workshop, tmp_path_factory.mktemp("rig"))


@pytest.fixture(scope="module")
def ended(rig: Rig) -> Ended:
    """One boot with everything looked at."""
    return rig.boot(rig.image(rig.kernel()), pages=True)


def test_the_processor_is_as_bootloader_09_leaves_it(ended: Ended) -> None:
    told = ended.told
    assert (told["cs"], told["ds"], told["ss"], told["fs"], told["gs"]) == (8, 0x10, 0, 0, 0)
    assert (told["idt_limit"], told["gdt_limit"]) == (0, 0x1A)
    assert told["flags"] & (1 << 9 | 1 << 10) == 0, "interrupts are off, strings go up"
    assert told["boot_info"] == BOOT_INFO
    assert told["stack"] == STACK_END - 8 == BOOT_INFO + 2 * PAGE + STACK - 8
    assert ended.register("CR3") == 0x1000, "where upstream has its tables, and where they can be read"
    assert ended.register("CR0") >> 16 & 1, "write protection is on"
    assert ended.register("EFER") >> 11 & 1, "NX is on"
    assert ended.register("CR4") >> 9 & 1 == 0, "SSE is off"


def test_bss_is_zero_and_the_screen_is_blank_but_for_the_kernel(ended: Ended) -> None:
    assert ended.told["bss_dirty"] == 0
    assert ended.rows[0].rstrip() == "K"
    assert [row.strip() for row in ended.rows[1:]] == [""] * 24


def test_each_page_has_the_rights_of_its_segment(ended: Ended, rig: Rig) -> None:
    segments = [s for s in ELFFile(BytesIO(rig.kernel())).iter_segments() if s["p_type"] == "PT_LOAD"]
    expected: dict[int, tuple[bool, bool]] = {}
    for segment in segments:
        first, end = segment["p_vaddr"] // PAGE * PAGE, segment["p_vaddr"] + segment["p_memsz"]
        for page in range(first, end, PAGE):
            expected[page] = (bool(segment["p_flags"] & 2), bool(segment["p_flags"] & 1))
    for page in range(0x1000, 0x15000, PAGE):
        expected[page] = (True, True)
    for page in range(layout.VGA_START, layout.VGA_END, PAGE):
        expected[page] = (True, False)
    for page in (BOOT_INFO, *range(BOOT_INFO + 2 * PAGE, BOOT_INFO + 2 * PAGE + STACK, PAGE)):
        expected[page] = (True, False)
    found = {
        page: ("w" in run.rights, "x" in run.rights) for run in ended.pages for page in range(run.start, run.end, PAGE)
    }
    assert found == expected, "and so nothing else is mapped, the guard page least of all"


@pytest.mark.parametrize(("letter", "address"), [("g", BOOT_INFO + 2 * PAGE - 16), ("t", None), ("d", None), ("n", 0)])
def test_what_a_kernel_may_not_do_faults(rig: Rig, letter: str, address: int | None) -> None:
    ended = rig.boot(rig.image(rig.kernel(letter)))
    assert ended.told["done"] == 1
    log = ended.register("CR2")
    if address is not None:
        assert log == address
    else:
        assert 0x200000 <= log < 0x300000, "text or data of the kernel"


def test_boot_info_describes_the_memory(ended: Ended) -> None:
    info = ended.boot_info
    count = info[192]
    entries = [(info[3 * i] * PAGE, info[3 * i + 1] * PAGE, info[3 * i + 2] & 0xFFFFFFFF) for i in range(64)]
    used, unused = entries[:count], entries[count:]
    assert set(unused) == {(0, 0, 11)}
    assert all(one[1] <= other[0] for one, other in pairwise(used)), "sorted, nothing overlaps"
    assert used[0] == (0, PAGE, 10)
    assert (0x1000, 0x5000, 8) in used, "the first page tables"
    assert (0x5000, layout.STAGE_END, 9) in used, "the loader: nothing below 64 KiB is free"
    sizes: dict[int, int] = {}
    for start, end, kind in used:
        sizes[kind] = sizes.get(kind, 0) + end - start
    assert sizes[7] == STACK
    assert sizes[12] == PAGE
    assert 0 < sizes[6] < MIB
    assert 0 < sizes[8] < MIB
    assert 120 * MIB < sizes[0] < 128 * MIB
    tls = info[193:196]
    assert tls[1:] == [8, 32]


def test_the_disk_is_not_written_and_a_kernel_that_returns_is_named(rig: Rig) -> None:
    disk = rig.image(rig.kernel("r"))
    ended = rig.boot(disk)
    assert ended.code == "KX"
    assert "bootwright: KX the kernel's entry point returned" in ended.serial
    assert ended.rows[0].startswith("bootwright: KX the kernel's entry point returned")
    assert ended.wrote == 0


def test_configured_addresses_are_kept(rig: Rig) -> None:
    settings = KernelSettings(
        kernel_stack_size=5 * PAGE, kernel_stack_address=0xFFFF_FF00_0000_0000, boot_info_address=0x4000_0000
    )
    told = rig.boot(rig.image(rig.kernel(), settings)).told
    assert told["boot_info"] == 0x4000_0000
    assert told["stack"] == 0xFFFF_FF00_0000_0000 + 6 * PAGE - 8


@pytest.mark.parametrize("base", [0x100000, 0x40000000, 0xFFFF_FFFF_8000_0000], ids=hex)
def test_a_kernel_runs_where_it_was_linked(rig: Rig, base: int) -> None:
    model = ("-Ccode-model=kernel",) if base >> 63 else ()
    ended = rig.boot(rig.image(rig.kernel("h", (f"-Clink-arg=--image-base={base:#x}", *model))))
    assert (ended.told["done"], ended.told["bss_dirty"]) == (1, 0)


def test_our_linker_script_keeps_thread_local_data_and_leaves_bss_out_of_the_file(rig: Rig) -> None:
    elf = rig.kernel("h", (f"-Clink-arg=-T{HOME / 'linker/x86_64.ld'}",))
    segments = [s.header for s in ELFFile(BytesIO(elf)).iter_segments() if s["p_type"] in ("PT_LOAD", "PT_TLS")]
    data, tls = segments[-2:]
    assert (tls["p_type"], tls["p_filesz"], tls["p_memsz"]) == ("PT_TLS", 8, 32)
    assert data["p_memsz"] - data["p_filesz"] >= 3 * PAGE, ".bss takes no room in the file"
    ended = rig.boot(rig.image(elf))
    assert (ended.told["done"], ended.boot_info[193:196]) == (1, [tls["p_vaddr"], 8, 32])


def test_a_kernel_of_one_segment_that_may_do_all_runs(rig: Rig, tmp_path: Path) -> None:
    script = tmp_path / "one.ld"
    script.write_text(
        "PHDRS { all PT_LOAD FLAGS(7); tls PT_TLS; }\nENTRY(_start)\nSECTIONS { . = 0x100123;\n"
        ".text : { *(.text .text.*) *(.rodata .rodata.*) } :all\n.data : { *(.data .data.* .got .got.*) } :all\n"
        ".tdata : { *(.tdata.*) } :all :tls\n.tbss : { *(.tbss.*) } :all :tls\n.bss : { *(.bss .bss.*) } :all\n"
        "/DISCARD/ : { *(.eh_frame*) } }\n"
    )
    ended = rig.boot(rig.image(rig.kernel("h", (f"-Clink-arg=-T{script}",))), pages=True)
    assert (ended.told["done"], ended.told["bss_dirty"]) == (1, 0)
    assert next(run.rights for run in ended.pages if run.start <= 0x100000 < run.end) == "rwx"
