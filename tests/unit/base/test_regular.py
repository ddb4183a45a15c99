"""Text that a person wrote, in whatever an editor saved it as."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_text
from bootwright.rust.toolchain_file import read_toolchain_file
from bootwright.setup import needs, verbs


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be-sig"])
def test_a_text_in_utf16_is_named_with_the_cure(tmp_path: Path, encoding: str) -> None:
    for name, read in (("spec.json", read_text), ("rust-toolchain", read_toolchain_file)):
        path = tmp_path / name
        mark = b"\xfe\xff" if encoding == "utf-16-be-sig" else b""
        path.write_bytes(mark + "nightly".encode(encoding.removesuffix("-sig")))
        with pytest.raises(BootwrightError) as raised:
            read(path)
        assert str(raised.value) == f"{path} is UTF-16\n  hint: save it as UTF-8"


def test_a_text_that_is_no_utf8_is_named_with_the_byte(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_bytes(b"{\xff}")
    with pytest.raises(BootwrightError, match="is not UTF-8: byte 1"):
        read_text(tmp_path / "spec.json")


def test_the_set_up_leaves_such_a_specification_to_scons_to_name(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"llvm-target": "aarch64-none"}', encoding="utf-16")
    assert needs.needed_programs(["run", f"TARGET={tmp_path / 'spec.json'}"]) == verbs.RUN
