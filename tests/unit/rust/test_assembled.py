"""Files that the assembler reads: .incbin and .include are found, and those that hide their name are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.rust.assembled import find_assembled


def find(root: Path, source: str, **others: str) -> list[str]:
    """Returns what src/main.rs with this source has the assembler read, as seen from root; others lie beside it."""
    (root / "src").mkdir(exist_ok=True)
    (root / "src" / "main.rs").write_text(source)
    paths = [root / "src" / "main.rs"]
    for name, text in others.items():
        paths.append(root / "src" / name.replace("_", "."))
        paths[-1].write_text(text)
    return [path.relative_to(root).as_posix() for path in find_assembled(paths, root)]


@pytest.mark.parametrize(
    "source",
    [
        'global_asm!(".incbin \\"assets/logo.bin\\"");',
        'global_asm!(r#".incbin "assets/logo.bin", 4, 8"#);',
        'asm!("nop", ".section .x\\n.INCBIN\t\\"./assets/logo.bin\\"");',
        'naked_asm!(r"nop", r##"\n  .incbin "assets/../assets/logo.bin"\n"##)',
        'fn f<\'a>(x: &\'a str) { let q = \'"\'; core::arch::asm!(".incbin \\"assets/logo.bin\\"") }',
    ],
    ids=["escaped", "raw", "second-line", "hashes", "after-a-quote-character"],
)
def test_a_file_of_incbin_is_found_seen_from_rustcs_directory(tmp_path: Path, source: str) -> None:
    assert find(tmp_path, source) == ["assets/logo.bin"]


def test_an_included_file_and_what_it_includes_are_found(tmp_path: Path) -> None:
    (tmp_path / "inner.s").write_text('.incbin "font.bin"\n')
    source = 'global_asm!(include_str!("boot.s"));'
    assert find(tmp_path, source, boot_s='# .include "old.s"\n .include "inner.s" # now\n') == ["font.bin", "inner.s"]


@pytest.mark.parametrize(
    "source",
    [
        '// asm!(".incbin \\"x\\"")',
        '/* asm!(".incbin \\"x\\"") */',
        'const A: &str = ".incbin \\"x\\"";',
        'asm!("nop", "x.include");',
        'asm!("nop"); let s = "the directive is .included";',
    ],
    ids=["comment", "block-comment", "no-assembly", "no-directive", "another-word"],
)
def test_what_is_no_directive_of_an_assembler_is_not_taken_for_one(tmp_path: Path, source: str) -> None:
    assert find(tmp_path, source) == []


@pytest.mark.parametrize(
    "source",
    [
        'global_asm!(concat!(".incbin \\"", env!("OUT_DIR"), "/x\\""));',
        'asm!(".incbin \\"{}\\"");',
        'asm!(".include {f}");',
    ],
    ids=["concat", "format", "operand"],
)
def test_a_name_that_is_not_written_out_is_refused_with_its_line(tmp_path: Path, source: str) -> None:
    with pytest.raises(BootwrightError, match=r"main.rs:2: .inc\w+ does not write out which file it reads"):
        find(tmp_path, f"\n{source}")


def test_what_is_no_text_and_what_never_ends_is_passed_over_quickly(tmp_path: Path) -> None:
    blob = '.incbin "x"\0' + "'\\" * 100_000 + 'r#"' * 100_000 + "/*" * 100_000
    assert find(tmp_path, 'asm!("nop"); ' + "'\\" * 100_000 + 'r##"' * 100_000, blob_bin=blob) == []
