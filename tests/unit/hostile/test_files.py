"""Files that anybody may have written: manifests, specifications, journals, stores, images. A sentence, or nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import uuid
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from tests.unit.hostile.sealed import IS_SERVED, Room, attack
from tests.unit.rust.test_migrate import RUSTC_196

from bootwright.base.errors import BootwrightError
from bootwright.cargo.metadata import read_settings
from bootwright.cargo.toml import Table, read_toml
from bootwright.flash import content
from bootwright.flash.content import TAIL, Content, Image
from bootwright.image import gpt
from bootwright.image.layout import SECTOR_SIZE
from bootwright.rust.migrate import read_spec
from bootwright.rust.spec_changes import migrate
from bootwright.storage import outputs
from bootwright.storage.builddir import SIGNATURES, BuildDirectory
from bootwright.storage.store import Store

pytestmark = pytest.mark.skipif(not IS_SERVED, reason="mount namespaces are Linux's")

# Numbers that Python reads and would not write.
HUGE, HUGE_HEX = "<5000 digits>", "<5000 hexadecimal digits>"
DIGITS = {HUGE: "9" * 5000, HUGE_HEX: f"0x{'f' * 5000}"}
WORDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),  # the default's set, without trying it by a codec
    st.sampled_from(
        [
            "",
            ".",
            "..",
            "../../mine/letter",
            "/etc/passwd",
            "a/b",
            "a\0b",
            "\x1b]0;t\x07",
            "n" * 300,
            "é",
            "-o",
            "-Map=/x",
            "lto",
            "release",
            "x86_64",
            "64",
            "\ud800",
        ]
    ),
)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.sampled_from([0, 1, 2**63, 10**400, -1, HUGE, HUGE_HEX]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(WORDS, NUMBERS, st.booleans(), st.floats(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=2)),
    max_leaves=4,
)


def toml(value: Any) -> str:
    """Returns a value as TOML has it in a line; what TOML has no word for is the text of it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return DIGITS.get(value, quoted(value)) if isinstance(value, str) else str(value)


def quoted(text: str) -> str:
    kept = text.encode("utf-8", "replace").decode()
    return '"' + "".join(c if c.isalnum() or c in " ./-_" else f"\\U{ord(c):08x}" for c in kept) + '"'


METADATA_KEYS = (
    "kernel-stack-size",
    "kernel-stack-address",
    "boot-info-address",
    "run-args",
    "run-command",
    "test-args",
    "test-timeout",
    "test-success-exit-code",
    "inputs",
    "env",
    "host-status",
    "build-command",
)
TABLES = st.sampled_from(
    [
        "package",
        "lib",
        "[bin]",
        "[test]",
        "features",
        "dependencies",
        "lints.rust",
        "lints",
        "profile.dev",
        "profile.x",
        "profile.release",
        "package.metadata.bootloader",
        "package.metadata.bootimage",
        "package.metadata.bootwright",
        "target.x",
    ]
)
KEYS = st.one_of(st.sampled_from(METADATA_KEYS), WORDS)
MANIFESTS = st.lists(st.tuples(TABLES, KEYS, VALUES), max_size=8)


def manifest_text(entries: list[tuple[str, str, Any]]) -> str:
    """Returns a Cargo.toml in which the entries stand, which begins as a good one does."""
    tables: dict[str, list[str]] = {"package": []}
    for table, key, value in entries:
        tables.setdefault(table, []).append(f"{quoted(key)} = {toml(value)}")
    if not any(line.startswith('"name" =') for line in tables["package"]):
        tables["package"].insert(0, 'name = "a"')
    return "".join(f"[{table}]\n" + "\n".join(dict.fromkeys(lines)) + "\n" for table, lines in tables.items())


def judge(error: BootwrightError) -> None:
    """Checks that a sentence is one: it names something, commands no terminal, and does not fill the screen."""
    assert error.message.strip()
    assert not set(str(error)) & set("\x1b\x07\x9b\0")
    assert len(error.message) < 2000


@pytest.mark.parametrize("kind", ["keys", "bytes"])
def test_a_cargo_toml_is_read_or_refused(pytestconfig: pytest.Config, tmp_path: Path, kind: str) -> None:
    def attempt(room: Room, case: Any) -> None:
        (room.place / "src").mkdir(exist_ok=True)
        (room.place / "src" / "main.rs").touch()
        data = case if isinstance(case, bytes) else manifest_text(case).encode()
        manifest = room.place / "Cargo.toml"
        manifest.write_bytes(data)
        try:
            package = Table(manifest, "", read_toml(manifest)).table("package")
            settings = read_settings(manifest, package.table("metadata").values)
            settings.bootwright.input_files(room.place)
        except BootwrightError as error:
            judge(error)

    pieces = st.sampled_from(
        [b"[", b"]", b"{", b"}", b"=", b'"', b"'''", b"\n", b"\xff", b"package", b"name", b"\\u0000", b"a.b"]
    )
    wild = st.lists(st.one_of(pieces, st.binary(max_size=6)), max_size=40).map(b"".join)
    attack(pytestconfig, tmp_path, MANIFESTS if kind == "keys" else wild, attempt)


SPEC_KEYS = st.one_of(
    st.sampled_from(sorted(RUSTC_196.keys or ())), WORDS, st.sampled_from(["eliminate-frame-pointer"])
)
SPECS = st.tuples(
    st.dictionaries(SPEC_KEYS, VALUES, max_size=8),
    st.sampled_from([{}, {"llvm-target": "x86_64-unknown-none", "arch": "x86_64", "target-pointer-width": 64}]),
)


def test_a_specification_is_migrated_or_refused(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    def attempt(room: Room, case: tuple[dict[str, Any], dict[str, Any]]) -> None:
        more, base = case
        try:
            migrate(read_spec(written({**more, **base}), "os.json"), RUSTC_196, "os.json")
        except BootwrightError as error:
            judge(error)

    attack(pytestconfig, tmp_path, SPECS, attempt)


def written(spec: Any) -> str:
    """Returns spec as JSON, numbers of any length included, which Python would not write."""
    if isinstance(spec, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{written(value)}" for key, value in spec.items()) + "}"
    if isinstance(spec, list):
        return "[" + ",".join(map(written, spec)) + "]"
    return DIGITS[HUGE] if spec == HUGE else json.dumps(spec)


LINES = st.one_of(
    st.sampled_from(
        [
            "debug/a.elf",
            "../mine/letter",
            "../mine",
            "debug",
            "debug/../../mine/letter",
            "link/letter",
            "/",
            "",
            ".",
            "lock",
            "debug/" + "n" * 300,
            "a\0b",
            "deep/" * 200 + "x",
        ]
    ).map(lambda name: json.dumps(name).encode()),
    WORDS.map(lambda word: json.dumps(word).encode()),
    VALUES.map(lambda value: written(value).encode("utf-8", "replace")),
    st.binary(max_size=30),
)


def test_a_journal_and_a_manifest_reach_no_file_outside(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    def attempt(room: Room, case: tuple[list[bytes], list[bytes]]) -> None:
        build = room.place / "build"
        (build / "debug" / "kept").mkdir(parents=True, exist_ok=True)
        (build / "debug" / "a.elf").touch()
        (build / SIGNATURES).touch()
        with contextlib.suppress(FileExistsError):
            (build / "debug" / "link").symlink_to(room.mine)
        (build / "journal").write_bytes(b"\n".join(case[0]).replace(b"link/letter", b"debug/link/letter"))
        digests = [b"0" * 64 + b"  " + line for line in case[1]]
        (build / "manifest").write_bytes(b"\n".join([*digests, *case[1][:2]]))
        directory = BuildDirectory(build)
        with contextlib.ExitStack() as stack:
            stack.callback(give_back, directory)
            try:
                directory.take("scons", lambda line: None)
                directory.finish({build / "debug" / "b": "1" * 64}, [build / "debug" / "a.elf"])
                outputs.differences(build)
            except BootwrightError as error:
                judge(error)
        for name in ("journal", "manifest"):
            (build / name).unlink(missing_ok=True)
        assert (build / "debug" / "kept").is_dir()

    attack(pytestconfig, tmp_path, st.tuples(st.lists(LINES, max_size=6), st.lists(LINES, max_size=6)), attempt)


def give_back(directory: BuildDirectory) -> None:
    with contextlib.suppress(BootwrightError):
        directory.finish()


def change(path: Path, how: str, number: int, mine: Path) -> None:
    """Changes a file of an entry in one of many ways."""
    if how in ("flip", "cut", "grow", "touch"):
        if path.is_file() and not path.is_symlink():
            data = bytearray(path.read_bytes())
            if data and how == "flip":
                data[number % len(data)] ^= 1 << number % 8
            data = (
                data[: number % (len(data) + 1)]
                if how == "cut"
                else data + bytes(number % 9)
                if how == "grow"
                else data
            )
            path.write_bytes(data)
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if how == "link":
        path.symlink_to([mine, mine / "letter", Path("/dev/zero"), path, Path("nowhere")][number % 5])
    elif how == "FIFO":
        os.mkfifo(path, 0o600)
    elif how == "directory":
        path.mkdir()
        (path / "x").touch()
    elif how == "rights":
        path.write_bytes(b"?")
        path.chmod(number & 0o777)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            ["lib/a.rlib", "lib/b.rlib", "lib", "description", "digests", "digests", "digests", "new", "lib/new"]
        ),
        st.sampled_from(["flip", "cut", "grow", "touch", "link", "FIFO", "directory", "rights", "gone"]),
        st.integers(0, 4095),
    ),
    max_size=4,
)


def test_an_entry_of_the_store_is_what_was_stored_or_made_again(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    def build(out: Path) -> None:
        (out / "lib").mkdir()
        for name in "ab":
            (out / "lib" / f"{name}.rlib").write_bytes(name.encode() * 50)
        (out / "description").write_text("core\n")

    def attempt(room: Room, case: tuple[list[tuple[str, str, int]], bytes]) -> None:
        store = Store(room.place / "store")
        path = store.take_or_build("core", "abc", build)
        for name, how, number in case[0]:
            if (path / name).parent.is_symlink():
                continue  # it leads to the person's own files, which are not to be changed here either
            with contextlib.suppress(OSError):  # what it lay in is gone
                change(path / name, how, number, room.mine)
        if case[1] and not (path / "digests").is_dir():
            with contextlib.suppress(OSError):
                (path / "digests").unlink(missing_ok=True)
                (path / "digests").write_bytes(case[1])
        try:
            store.entries()
            store.check()
            store.take_or_build("core", "abc", build)
        except BootwrightError as error:
            judge(error)
            store.prune(everything=True)
        else:
            for name in "ab":
                assert (path / "lib" / f"{name}.rlib").read_bytes() == name.encode() * 50
            assert sorted(file.name for file in (path / "lib").iterdir()) == ["a.rlib", "b.rlib"]

    attack(pytestconfig, tmp_path, st.tuples(CHANGES, st.one_of(st.just(b""), st.binary(max_size=80))), attempt)


def test_the_tables_of_an_image_are_read_or_refused(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "SETTLED", 0.0)  # nobody writes to the image meanwhile
    part = gpt.Partition(uuid.UUID(int=1), uuid.UUID(int=2), 40, 60, "k")
    tables = gpt.write_gpt(uuid.UUID(int=3), 128, [part])
    good = (bytes(510) + b"\x55\xaa" + tables.primary).ljust(
        128 * SECTOR_SIZE - len(tables.backup), b"\0"
    ) + tables.backup

    def attempt(room: Room, case: tuple[list[tuple[int, bytes]], bool, int, int]) -> None:
        changes, with_sums, size, medium = case
        data = bytearray(good)
        for offset, piece in changes:
            data[offset : offset + len(piece)] = piece
        if with_sums:  # a header whose checksums are right says what it likes
            header = data[SECTOR_SIZE : SECTOR_SIZE + 92]
            struct.pack_into("<I", header, 88, zlib.crc32(data[2 * SECTOR_SIZE : 34 * SECTOR_SIZE]))
            struct.pack_into("<I", header, 16, 0)
            struct.pack_into("<I", header, 16, zlib.crc32(header))
            data[SECTOR_SIZE : SECTOR_SIZE + 92] = header
        path = room.place / "x.img"
        path.write_bytes(data[:size])
        try:
            with Image(path) as image:
                whole = Content(image, max(medium, size) // SECTOR_SIZE * SECTOR_SIZE)
                for offset, length in whole.pieces():
                    assert len(whole.read(offset, length)) == length
        except BootwrightError as error:
            judge(error)

    offsets = st.one_of(st.integers(0, len(good) - 1), st.integers(440, 2 * SECTOR_SIZE + 256))
    changes = st.lists(st.tuples(offsets, st.binary(min_size=1, max_size=8)), max_size=5)
    sizes = st.one_of(st.just(len(good)), st.integers(0, len(good)), st.integers(0, 128).map(lambda n: n * SECTOR_SIZE))
    media = st.one_of(st.integers(0, 1 << 20), st.sampled_from([len(good), len(good) + TAIL]))
    attack(pytestconfig, tmp_path, st.tuples(changes, st.booleans(), sizes, media), attempt)
