"""What a crate's sources have in place of an entry, and what they say of one that may not be called so."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.cargo.entry_point import declaration, is_exported, remarks, say_instead, unused_script

RIGHT = '#[unsafe(no_mangle)]\npub extern "C" fn _start() -> ! { loop {} }\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a crate, which is empty."""
    (tmp_path / "k" / "src").mkdir(parents=True)
    (tmp_path / "k" / "src" / "main.rs").write_text("")
    return tmp_path / "k" / "src" / "main.rs"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('\npub extern "C" fn _start() -> ! { loop {} }', "src/main.rs:2 has `_start` without no_mangle"),
        ("#[inline(never)] fn _start() {}", "src/main.rs:1 has `_start` without no_mangle"),
        ('#[no_mangle] pub extern "C" fn start() -> ! {}', "export instead is `start` (src/main.rs:1)"),
        ('#[export_name = "_begin"] fn f(a: &u8) -> u8 { 1 }', "export instead is `_begin` (src/main.rs:1)"),
        ("fn main() {}", "src/main.rs:1 has `main`, which nobody calls"),
        ("// fn main() {}\n/* #[no_mangle] fn begin() {} */", "src/main.rs and its modules export no function"),
        ('fn f() { "//"; }\nfn main() {}', "src/main.rs:2 has `main`"),
    ],
    ids=["mangled", "without_abi", "other_name", "export_name", "main", "comments", "strings"],
)
def test_what_is_there_instead_is_named_with_its_place(root: Path, text: str, sentence: str) -> None:
    root.write_text(text)
    assert sentence in say_instead(root)


def test_modules_are_read_after_the_root(root: Path) -> None:
    (root.parent / "boot").mkdir()
    (root.parent / "boot" / "mod.rs").write_text("#[no_mangle]\nfn deep() {}\n")
    root.write_text("mod boot;\n")
    assert "`deep` (src/boot/mod.rs:2)" in say_instead(root)


@pytest.mark.parametrize("text", [RIGHT, 'global_asm!("_start: ret");'], ids=["function", "label"])
def test_an_entry_that_is_there_is_seen(root: Path, text: str) -> None:
    root.write_text(text)
    assert is_exported(root)


def test_an_entry_that_is_mangled_is_not_seen(root: Path) -> None:
    root.write_text(RIGHT.partition("\n")[2])
    assert not is_exported(root)


def test_a_function_that_a_macro_would_make_is_none_and_what_follows_is_in_its_line(root: Path) -> None:
    macro = 'macro_rules! entry_point {\n    ($path:path) => {\n        #[export_name = "_start"]\n'
    macro += '        pub extern "sysv64" fn started(from: u64) { "}"; $path(from); }\n    };\n}\n'
    root.write_text(f"{macro}fn main() {{}}\n")
    assert not is_exported(root) and remarks(root) == []
    assert "src/main.rs:7 has `main`" in say_instead(root)


def test_a_right_entry_has_no_remark(root: Path) -> None:
    root.write_text(RIGHT)
    assert remarks(root) == []


def test_a_naked_entry_has_no_remark(root: Path) -> None:
    root.write_text('#[unsafe(naked)]\n#[unsafe(no_mangle)]\nextern "C" fn _start() { naked_asm!("ret") }\n')
    assert remarks(root) == []


def test_an_entry_that_may_return_is_remarked_on(root: Path) -> None:
    root.write_text(RIGHT.replace(" -> !", ""))
    assert remarks(root) == ["src/main.rs:2: `_start` may return, and there is nobody to return to: write `-> !`"]


def test_an_entry_without_an_abi_is_remarked_on(root: Path) -> None:
    root.write_text(RIGHT.replace('extern "C" ', ""))
    (remark,) = remarks(root)
    assert remark.startswith('src/main.rs:2: `_start` is without extern "C"')


def test_the_declaration_is_spelt_as_the_edition_wants() -> None:
    assert declaration("2021").startswith("#[no_mangle] pub")
    assert declaration("2024").startswith("#[unsafe(no_mangle)] pub")


def test_a_linker_script_beside_it_with_another_entry_is_told(root: Path) -> None:
    script = root.parent.parent / "boot" / "link.lds"
    script.parent.mkdir()
    script.write_text("/* ENTRY(of_old) */\nENTRY( begin )\nSECTIONS { }\n")
    (root.parent.parent / "memory.x").write_bytes(b"ENTRY(\xff)")
    assert unused_script(root) == f"{script} has ENTRY(begin): LDSCRIPT={script} links with it"
    script.write_text("ENTRY(_start)\n")
    assert unused_script(root) == ""
