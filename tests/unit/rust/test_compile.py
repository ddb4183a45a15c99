"""What is added to a unit's words, and what becomes of the files that it read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.base.records import replace
from bootwright.cargo.units import OUT, Unit, mark_for
from bootwright.rust.compile import arguments, scripts_not_used, settle
from bootwright.rust.flags import without_scripts
from bootwright.rust.more import SCRATCH, More, Room
from bootwright.rust.unit_reads import Reads, are_unchanged, digest_or_absent

WORDS = ("--crate-name", "k", "src/main.rs", "--error-format=json", "--json=artifacts", "--out-dir", f"{OUT}/deps",
         "-C", f"incremental={OUT}/incremental", "-L", f"dependency={OUT}/deps")  # fmt: skip


def unit(root: Path, *words: str) -> Unit:
    return Unit("deps/k", "bin", str(root), (*WORDS, *words), {}, "k", "0.1.0", str(root), "src/main.rs", local=True)


def test_products_go_to_the_scratch_directory_and_cargos_own_words_go(tmp_path: Path) -> None:
    room = Room(Path("/b"), ((str(tmp_path), "."),))
    more = More(first=("--sysroot", "/s"), last=("-C", f"link-arg=-Map={SCRATCH}/m"))
    assert arguments(unit(tmp_path), room, more, Path("/n")) == [
        "--sysroot", "/s", "--crate-name", "k", "src/main.rs", "--out-dir", "/n", "-C", "incremental=/n/incremental",
        "-L", "dependency=/b/deps", "-C", "link-arg=-Map=/n/m", f"--remap-path-prefix={tmp_path}=.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "is_given"),
    [
        ((), True),
        (("-C", "link-arg=-Tlink.x"), False),
        (("-Clink-arg=-Tlink.x",), False),
        (("-C", "link-args=-n -T link.x"), False),
        (("-C", "link-arg=--script=link.x"), False),
        (("-C", "link-arg=-Ttext=0x1000"), False),
        (("-C", "link-arg=--gc-sections"), True),
    ],
)
def test_a_boards_script_is_for_programs_that_name_none(tmp_path: Path, words: tuple[str, ...], is_given: bool) -> None:
    made = arguments(unit(tmp_path, *words), Room(Path("/b")), More(script="/board.ld"), Path("/n"))
    assert ("link-arg=-T/board.ld" in made) is is_given


@pytest.mark.parametrize(
    ("words", "kept", "scripts"),
    [
        (("-C", "link-arg=-Tlink.x", "-g"), ["-g"], ["link.x"]),
        (("-Clink-arg=-T", "-C", "link-arg=my link.x"), [], ["my link.x"]),
        (("-Clink-args=-Ta.x --no-relax -T text.x",), ["-Clink-args=--no-relax"], ["a.x", "text.x"]),
        (("-Z", "pre-link-arg=-Tl.x", "-C", "link-arg=-n"), ["-C", "link-arg=-n"], ["l.x"]),
        (("--codegen=link-arg=--script=c.x", "-Clink-arg=-Wl,-T,d.x"), [], ["c.x", "d.x"]),
        (("-C", "link-arg=-Ttext=0x1000", "-C", "linker=x"), ["-C", "link-arg=-Ttext=0x1000", "-C", "linker=x"], []),
        (("-C", "link-arg=main.o", "-Clink-arg=-Ttext.x"), ["-C", "link-arg=main.o"], ["text.x"]),
    ],
)
def test_a_script_of_the_command_line_is_in_place_of_those_that_cargo_names(
    tmp_path: Path, words: tuple[str, ...], kept: list[str], scripts: list[str]
) -> None:
    assert without_scripts(words) == (kept, scripts)
    more = More(last=("-C", "link-arg=-T/own.x"), own_script=True)
    made = arguments(unit(tmp_path, *words), Room(Path("/b")), more, Path("/n"))
    assert made[-len(kept) - 2 :] == [*kept, "-C", "link-arg=-T/own.x"]


def test_a_script_that_a_build_script_names_is_told_where_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "s.stdout").write_text("cargo:rustc-link-arg=-Tbuilt.x\ncargo:rustc-link-arg=-n\n")
    linked = replace(unit(tmp_path, "-C", "link-arg=-Town.x", "-C", mark_for("s")), scripts=("s",))
    assert scripts_not_used(linked, Room(tmp_path)) == ["built.x"]
    assert scripts_not_used(unit(tmp_path, "-C", "link-arg=-Town.x"), Room(tmp_path)) == []


def read(root: Path, *names: str) -> Reads:
    return Reads({os.path.normpath(root / name): "" for name in names})


def test_files_of_the_package_are_inputs_and_one_from_elsewhere_gives_the_line_to_paste(tmp_path: Path) -> None:
    root = tmp_path / "k"
    (root / "src").mkdir(parents=True)
    for path in (root / "src/main.rs", tmp_path / "logo.bin", tmp_path / "out.rs"):
        path.write_text("")
    room = Room(tmp_path / "b", unseen=(tmp_path / "toolchain",))
    later = 1 << 62
    reads = read(root, "src/main.rs", "../b/generated.rs", "../toolchain/libcore.rlib")
    settle(unit(root), room, reads, tmp_path / "n", later, [root], [])
    assert reads.files == {str(root / "src/main.rs"): digest_or_absent(root / "src/main.rs")}
    with pytest.raises(BootwrightError, match=r"k/Cargo.toml does not name \.\./logo\.bin") as raised:
        settle(unit(root), room, read(root, "../logo.bin"), tmp_path / "n", later, [root], [])
    assert 'inputs = ["../logo.bin"]' in raised.value.hint
    declared = read(root, "../logo.bin")
    settle(unit(root), room, declared, tmp_path / "n", later, [root], [tmp_path / "logo.bin"])
    assert list(declared.files) == [str(tmp_path / "logo.bin")]


def test_a_file_that_changed_while_it_was_read_fails_the_unit(tmp_path: Path) -> None:
    (tmp_path / "main.rs").write_text("")
    began = (tmp_path / "main.rs").stat().st_ctime_ns
    with pytest.raises(BootwrightError, match="changed while k was made of it"):
        settle(unit(tmp_path), Room(tmp_path / "b"), read(tmp_path, "main.rs"), tmp_path / "n", began, [tmp_path], [])


def test_a_shared_library_is_nobodys_to_load(tmp_path: Path) -> None:
    reads = Reads({"/usr/lib/libm.so.6": ""})
    with pytest.raises(BootwrightError, match=r"linked with libm\.so\.6 \(DT_NEEDED\)"):
        settle(unit(tmp_path), Room(tmp_path / "b"), reads, tmp_path / "n", 0, [tmp_path], [])


def test_what_a_unit_read_is_unchanged_until_a_byte_a_file_or_a_variable_differs(tmp_path: Path) -> None:
    source, notes = tmp_path / "a.rs", tmp_path / "k.reads"
    source.write_text("one")
    Reads({str(source): digest_or_absent(source)}, variables={"WHO": None}).write(notes)
    assert are_unchanged(notes, {}, {})
    assert not are_unchanged(notes, {"WHO": "me"}, {})
    before = source.stat()
    source.write_text("two")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not are_unchanged(notes, {}, {})
    source.write_text("one")
    assert are_unchanged(notes, {}, {})
    source.unlink()
    assert not are_unchanged(notes, {}, {})
    assert not are_unchanged(tmp_path / "none.reads", {}, {})
