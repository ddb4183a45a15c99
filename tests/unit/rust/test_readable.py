"""A FIFO that a compiler or a linker would wait for is named before one is started, wherever its name stands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.rust.readable import check_readable, configured_flags

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs")


@pytest.mark.parametrize(
    "word",
    ["link-arg=-Tpipe", "link-args=-z now --script=pipe", "-Clink-arg=-Wl,-Tpipe", "@pipe", "linker=pipe", "pipe"],
)
def test_what_an_argument_names_is_looked_at(tmp_path: Path, word: str) -> None:
    (tmp_path / "src").mkdir()
    check_readable([word], [], tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BootwrightError) as raised:
        check_readable(["-L", "src", word], [], tmp_path)
    assert str(raised.value) == (
        f"{tmp_path}/pipe is a FIFO, no regular file\n  hint: {word} names it; remove or rename it"
    )


@pytest.mark.parametrize(
    "line",
    [
        'static A: &[u8] = include_bytes!("../../pipe");',
        "static A: &str = include_str!{ '../../pipe' };".replace("'", '"'),
        'include!("../../pipe");',
        '#[path = "../../pipe"] mod a;',
        'core::arch::global_asm!(".incbin \\"../pipe\\"");',
    ],
)
def test_what_a_source_names_is_looked_at(tmp_path: Path, line: str) -> None:
    source = tmp_path / "package" / "src" / "main.rs"
    source.parent.mkdir(parents=True)
    source.write_text(f"#![no_std]\n{line}\n")
    check_readable([], [source], source.parent.parent)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BootwrightError, match="pipe is a FIFO, no regular file"):
        check_readable([], [source], source.parent.parent)


def test_what_a_linker_script_includes_is_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "kernel.ld").write_text("INCLUDE inner.ld\nSECTIONS { }\n")
    (tmp_path / "scripts" / "inner.ld").write_text('INCLUDE "scripts/kernel.ld"\nINCLUDE memory.x;\n')
    check_readable(["link-arg=-Tscripts/kernel.ld"], [], tmp_path)
    os.mkfifo(tmp_path / "memory.x")
    with pytest.raises(BootwrightError, match=r"memory\.x is a FIFO, no regular file"):
        check_readable(["link-arg=-Tscripts/kernel.ld"], [], tmp_path)


def test_what_reads_as_nothing_is_no_fault(tmp_path: Path) -> None:
    check_readable(["-o", "/dev/null", "link-arg=-T/dev/null"], [], tmp_path)
    with pytest.raises(BootwrightError, match="/dev/zero is a device, no regular file"):
        check_readable(["link-arg=-T/dev/zero"], [], tmp_path)


def test_flags_of_a_configuration_are_words_however_they_are_written(tmp_path: Path) -> None:
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo" / "config.toml").write_text(
        '[build]\nrustflags = "-C link-arg=-Ta.ld"\n[target.x]\nrustflags = ["-C", "link-arg=-Tb.ld"]\n'
    )
    assert configured_flags(tmp_path, {"CARGO_HOME": str(tmp_path / "none")}) == [
        "-C", "link-arg=-Ta.ld", "-C", "link-arg=-Tb.ld",
    ]  # fmt: skip
