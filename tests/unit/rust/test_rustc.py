"""Running rustc: diagnostics, the audit of what was read, the sentences for what fails."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cargo.sources import crate_files, mentions
from bootwright.rust import rustc
from bootwright.rust.flags import files_in_flags, linkers_in_flags
from bootwright.rust.rustc import Diagnostic

FAKE = """
import json, sys
def say(**message): print(json.dumps(message), file=sys.stderr)
say(**{"$message_type": "artifact", "artifact": "x", "emit": "link"})
say(rendered="\\x1b[1merror\\x1b[0m: wrong\\n", level="error", message="wrong", code={"code": "E0554"}, spans=[{}],
    children=[{"message": "because"}])
say(rendered="error: no handler\\n", level="error", message="no handler", code=None, spans=[], children=[])
say(rendered="error: aborting\\n", level="error", message="aborting due to 2 previous errors", code=None, spans=[])
print("a plain line")
sys.exit(int(sys.argv[1]))
"""


def run(tmp_path: Path, colour: bool) -> tuple[rustc.Outcome, list[str]]:
    shown: list[str] = []
    outcome = rustc.run_rustc([sys.executable, "-c", FAKE, "1"], tmp_path, {}, shown.append, colour)
    return outcome, shown


def test_diagnostics_come_whole_and_in_their_colours(tmp_path: Path) -> None:
    outcome, shown = run(tmp_path, colour=True)
    assert "\x1b[1merror\x1b[0m: wrong\n" in shown
    assert "a plain line\n" in shown
    assert outcome.status == 1
    assert outcome.errors == [Diagnostic("E0554", "wrong", ("because",)), Diagnostic("", "no handler")]
    assert outcome.said == [*outcome.errors, Diagnostic("", "a plain line\n")]


def test_without_a_terminal_there_are_no_colours(tmp_path: Path) -> None:
    assert "error: wrong\n" in run(tmp_path, colour=False)[1]


def test_the_sentence_counts_every_error_and_gives_the_command_to_who_asks(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, colour=False)
    error = rustc.compile_error(outcome, "kern", "rustc 'a b'")
    assert error.message == "kern does not compile: 2 errors"
    assert error.hint == "the command was: rustc 'a b'"
    assert str(rustc.compile_error(outcome, "kern")) == error.message


def test_a_failed_link_is_no_failed_compilation(tmp_path: Path) -> None:
    outcome = rustc.Outcome(1, [Diagnostic("", "linking with `cc` failed: exit status: 1")])
    assert rustc.compile_error(outcome, "kern").message == "kern does not link"


def test_a_compiler_that_ends_without_an_error_has_its_status_told(tmp_path: Path) -> None:
    ended = rustc.Outcome(101, [], "thread panicked\n")
    refused, unlinked = Diagnostic("E0557", "feature has been removed"), Diagnostic("", "linking with `cc` failed: 1")
    assert not ended.is_about_sources and not rustc.Outcome(1, [unlinked]).is_about_sources
    assert rustc.Outcome(1, [refused, unlinked]).is_about_sources
    error = rustc.compile_error(ended, "kern")
    assert error.message == "kern does not compile: rustc ended with status 101"


def test_a_compiler_that_cannot_be_started_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BootwrightError, match=r"nowhere/rustc cannot be run: No such file"):
        rustc.run_rustc([str(tmp_path / "nowhere" / "rustc")], tmp_path, {}, print, False)


def test_dep_info_names_files_with_blanks_and_variables() -> None:
    text = "o.d: src/main.rs src/a\\ b.rs\n\nsrc/main.rs:\nsrc/a\\ b.rs:\n\n# env-dep:SET=1\n# env-dep:UNSET\n"
    info = rustc.read_dep_info(text)
    assert info.files == ("src/main.rs", "src/a b.rs")
    assert info.variables == ("SET", "UNSET")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    scratch = tmp_path / "out"
    scratch.mkdir()
    (scratch / "crate.d").write_text("x.elf: src/main.rs ../logo.bin\n\nsrc/main.rs:\n../logo.bin:\n# env-dep:WHO=me\n")
    return scratch


def test_what_flags_say_of_the_linker_is_found_however_it_is_written() -> None:
    flags = [
        "-C",
        "linker=mold",
        "-Clinker-flavor=gcc",
        "--codegen=linker=my ld",
        "--codegen",
        "opt-level=3",
        "-Cpanic=abort",
    ]
    assert linkers_in_flags(flags) == ["linker=mold", "linker-flavor=gcc", "linker=my ld"]
    assert linkers_in_flags(["-C", "link-arg=-linker=x", "--cfg", "linker"]) == []


def test_the_names_in_a_linkers_makefile_are_as_they_were_before_it_wrote_them_for_make() -> None:
    text = "x.elf: \\\n  my\\ own/\\#1.ld \\\n  $$HOME/a.o \\\n  /a b/c$d.o\n\n  my\\ own/\\#1.ld:\n"
    assert rustc.read_linker_dependencies(text) == ("my own/#1.ld", "$HOME/a.o", "/a b/c$d.o")


def test_a_map_does_not_tell_where_it_was_made(tmp_path: Path) -> None:
    text = f"1 {tmp_path}/rustcA1b2C3/symbols.o:(.text)\n2 /a b/libk.rlib(k.o):(.data)\n"
    expected = "1 symbols.o:(.text)\n2 libk.rlib(k.o):(.data)\n"
    assert rustc.normalise_map(text, [tmp_path, Path("/a b")]) == expected


def make(directory: Path, *names: str) -> None:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_a_crate_is_made_of_every_file_below_its_root(tmp_path: Path) -> None:
    make(tmp_path, "src/main.rs", "src/a.rs", "src/deep/font.bin", "src/lib.rs", "src/.a.rs.swp", "src/a.rs~")
    make(tmp_path, "src/target/CACHEDIR.TAG", "src/target/x.rs", "src/bin/mod.rs")
    names = [path.relative_to(tmp_path / "src").as_posix() for path in crate_files(tmp_path / "src/main.rs")]
    assert names == ["a.rs", "bin/mod.rs", "deep/font.bin", "main.rs"]
    assert tmp_path / "src/lib.rs" in crate_files(tmp_path / "src/lib.rs")


def test_each_file_of_tests_is_a_crate_of_its_own(tmp_path: Path) -> None:
    make(tmp_path, "tests/one.rs", "tests/two.rs", "tests/common/mod.rs", "tests/data.txt")
    names = [path.relative_to(tmp_path / "tests").as_posix() for path in crate_files(tmp_path / "tests/one.rs")]
    assert names == ["common/mod.rs", "data.txt", "one.rs"]


def test_what_a_macro_prints_is_no_message_of_rustcs(tmp_path: Path) -> None:
    lines = [
        '{"a',
        "{}",
        "{ block }",
        '{"rendered": "warning: x\\n"}',
        '{"level": "error", "rendered": null}',
        '{"a":' * 5000,
    ]
    script = tmp_path / "prints.py"
    script.write_text(f"for line in {lines!r}: print(line)")
    shown: list[str] = []
    outcome = rustc.run_rustc([sys.executable, str(script)], tmp_path, dict(os.environ), shown.append, False)
    assert outcome.plain.splitlines() == ['{"a', "{}", "{ block }", '{"a":' * 5000]
    assert "warning: x\n" in shown


def odd(place: Path, kind: str, name: str = "odd.rs") -> str:
    """Makes an odd file of that kind in place, a directory; returns the words about it."""
    path = place / name
    if kind == "FIFO":
        os.mkfifo(path)
        return "is a FIFO, no regular file"
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(place):
            listener.bind(path.name)
        return "is a socket, no regular file"
    if kind == "huge":
        with path.open("wb") as stream:
            stream.truncate(1 << 41)
        return "has 2048.0 GiB; 1 GiB is the most that a crate reads"
    links = {
        "device": ("/dev/zero", "is a device, no regular file"),
        "dangling": ("nowhere", "is a link to nowhere, where nothing is"),
        "cyclic": (name, "is a link to odd.rs that leads back to itself"),
    }
    path.symlink_to(links[kind][0])
    return links[kind][1]


@pytest.mark.parametrize("deep", [False, True], ids=["top", "below"])
@pytest.mark.parametrize("kind", ["FIFO", "socket", "device", "dangling", "cyclic", "huge"])
def test_an_odd_file_in_a_crate_is_one_sentence(tmp_path: Path, kind: str, deep: bool) -> None:
    place = tmp_path / "src" / "deep" if deep else tmp_path / "src"
    place.mkdir(parents=True)
    (tmp_path / "src/main.rs").touch()
    words = odd(place, kind)
    with pytest.raises(BootwrightError) as caught:
        crate_files(tmp_path / "src/main.rs")
    assert caught.value.message == f"{place / 'odd.rs'} {words}"
    assert not mentions(tmp_path / "src", "word")


@pytest.mark.parametrize("kind", ["FIFO", "socket", "device", "dangling", "cyclic", "huge"])
def test_one_that_is_no_source_is_nobodys_in_the_packages_own_directory_alone(tmp_path: Path, kind: str) -> None:
    (tmp_path / "build.rs").touch()
    (tmp_path / "font.psf").touch()
    odd(tmp_path, kind, "target")
    with pytest.raises(BootwrightError, match="target "):
        crate_files(tmp_path / "build.rs")
    (tmp_path / "Cargo.toml").touch()
    assert crate_files(tmp_path / "build.rs") == [tmp_path / name for name in ("Cargo.toml", "build.rs", "font.psf")]


def test_hidden_odd_files_and_links_to_directories_are_nobodys(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.rs").write_text("a word")
    (tmp_path / "src/.#main.rs").symlink_to("user@host.1234:1764444444")  # Emacs locks a file so
    (tmp_path / "src/up").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "src/.pipe.rs")
    assert crate_files(tmp_path / "src/main.rs") == [tmp_path / "src/main.rs"]
    assert mentions(tmp_path / "src", "word")
    assert not mentions(tmp_path / "src", "absent")


@pytest.mark.parametrize("name", ["sub/inner.rs", "sub"])
def test_what_may_not_be_read_is_one_sentence(name: str) -> None:
    script = "from bootwright.cargo.sources import crate_files; from pathlib import Path; import os, sys\n"
    script += "os.getuid() or os.setresuid(65534, 65534, 65534); crate_files(Path(sys.argv[1]))"
    with tempfile.TemporaryDirectory() as place:  # one that every user may enter
        root = Path(place)
        root.chmod(0o755)
        (root / "src/sub").mkdir(parents=True)
        for file in ("main.rs", "sub/inner.rs"):
            (root / "src" / file).touch()
        (root / "src" / name).chmod(0)
        ended = subprocess.run(
            [sys.executable, "-c", script, str(root / "src/main.rs")], capture_output=True, text=True, check=False,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        (root / "src" / name).chmod(0o755)
    assert f"{root / 'src' / name} cannot be read: Permission denied" in ended.stderr


def test_a_word_is_looked_for_in_rust_sources_alone(tmp_path: Path) -> None:
    make(tmp_path, "src/main.rs", "src/bootwright_test.txt")
    (tmp_path / "src/bootwright_test.txt").write_text("bootwright_test")
    assert not mentions(tmp_path / "src", "bootwright_test")
    (tmp_path / "src/x.rs").write_text(json.dumps("cfg(bootwright_test)"))
    assert mentions(tmp_path / "src", "bootwright_test")


def test_files_that_flags_name_are_found_from_where_rustc_runs(tmp_path: Path) -> None:
    make(tmp_path, "flags.txt", "lib/libx.rlib", "my.ld")
    flags = ["@flags.txt", "--extern", f"x={tmp_path}/lib/libx.rlib", "-Clinker=my.ld", "-Copt-level=2", "@missing"]
    found = [path.relative_to(tmp_path).as_posix() for path in files_in_flags(flags, tmp_path)]
    assert found == ["flags.txt", "lib/libx.rlib", "my.ld"]
