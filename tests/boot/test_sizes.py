"""What `scons size` says about real kernels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from tests.boot.kernels import Built, Workshop

from bootwright.elf.sizes import NO_SYMBOL, keep_build, read_sizes, report

SOURCE = """#![no_std]
#![no_main]
static mut ROOM: [u8; {room}] = [0; {room}];
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {{
    hello::println!("{{:?}}", &raw mut ROOM);
    hello::cpu::halt()
}}
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {{
    hello::panic::report(info)
}}
"""


@pytest.fixture(scope="module")
def kernels(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two ELFs of one kernel; the second has 1,000 bytes more."""
    directory = tmp_path_factory.mktemp("sizes")
    elfs = []
    for room in (3000, 4000):
        source = directory / "roomy.rs"
        source.write_text(SOURCE.format(room=room))
        elf = workshop.build(source, tests=False).elf
        elfs.append(elf.rename(directory / f"roomy-{room}.elf"))
    return elfs[0], elfs[1]


def test_sections_and_crates_add_up_to_what_is_in_memory(hello: Built) -> None:
    sizes = read_sizes(hello.elf)
    with hello.elf.open("rb") as stream:
        expected = sum(s["sh_size"] for s in ELFFile(stream).iter_sections() if s["sh_flags"] & 2)
    assert sizes.total == sizes.crates.total() == expected
    assert {"core", "hello", NO_SYMBOL} <= set(sizes.crates) and all(size >= 0 for size in sizes.crates.values())
    assert not any(name.startswith(".debug") for name in sizes.sections)
    assert sizes.symbols["hello::panic::report"] > 0


def test_the_difference_to_the_last_build_is_told(kernels: tuple[Path, Path]) -> None:
    before, now = kernels
    text = report(now, before)
    assert re.search(r"^ +4,000 +\+1,000  roomy::ROOM$", text, re.MULTILINE), text
    assert re.search(r" bytes in memory, \+\d[\d,]* since the last build$", text.splitlines()[0]), text
    assert "symbols that changed most, of " in text
    alone = report(now, before.with_name("none.elf"))
    assert "there is no earlier build" in alone and "+1,000" not in alone


def test_the_last_two_different_builds_are_kept(kernels: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = (elf.read_bytes() for elf in kernels)
    elf, history = tmp_path / "k.elf", tmp_path / "history"
    for data in (one, two, two):
        elf.unlink(missing_ok=True)  # as a build does: nothing is written in place
        elf.write_bytes(data)
        keep_build(elf, history)
    assert (history / "last.elf").read_bytes() == two and (history / "previous.elf").read_bytes() == one
