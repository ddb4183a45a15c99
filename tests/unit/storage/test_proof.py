"""What an entry of the store holds is proven: damage is found and made good, and nobody else decides what is linked."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.base import digests
from bootwright.base.errors import BootwrightError
from bootwright.storage import proof
from bootwright.storage.store import DESCRIPTION, Store
from bootwright.storage.store_report import check


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty one."""
    return Store(tmp_path / "store")


def leftovers(store: Store) -> list[str]:
    return [path.name for path in (store.root / "new").glob("*")]


def built(store: Store, said: list[str] | None = None) -> Path:
    """Takes an entry with two files, which is made if it is not there, or not whole."""

    def build(out: Path) -> None:
        (out / "lib").mkdir(mode=0o700)
        (out / "lib" / "core.rlib").write_bytes(bytes(1000))
        (out / "bin").symlink_to("lib")
        (out / DESCRIPTION).write_text("core\n")

    return store.take_or_build("core", "abc", build, (said if said is not None else []).append)


def flip(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link(path: Path) -> None:
    (path / "lib/core.rlib").unlink()
    (path / "lib/core.rlib").symlink_to(os.devnull)


def lead_elsewhere(path: Path) -> None:
    (path / "bin").unlink()
    (path / "bin").symlink_to("/")


def put_fifo(path: Path) -> None:
    (path / "lib/core.rlib").unlink()
    os.mkfifo(path / "lib/core.rlib", 0o600)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped": (lambda path: flip(path / "lib/core.rlib"), "lib/core.rlib is not what was stored"),
    "cut": (lambda path: os.truncate(path / "lib/core.rlib", 500), "lib/core.rlib is not what was stored"),
    "missing": (lambda path: (path / "lib/core.rlib").unlink(), "lib/core.rlib is missing"),
    "planted": (lambda path: (path / "lib/alloc.rlib").touch(), "lib/alloc.rlib was not stored"),
    "linked": (
        link,
        "lib/core.rlib is not what was stored",
    ),
    "led-elsewhere": (lead_elsewhere, "bin is not what was stored"),
    "FIFO": (put_fifo, "lib/core.rlib is not what was stored"),
    "no-list": (lambda path: (path / "digests").unlink(), "has no list of what it holds"),
    "garbled-list": (lambda path: (path / "digests").write_text("?\n"), "has no list of what it holds"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_an_entry_that_is_not_what_was_stored_is_told_and_made_again(store: Store, name: str) -> None:
    damage, words = DAMAGES[name]
    path = built(store)
    damage(path)
    assert not store.has("core", "abc")
    said: list[str] = []
    assert built(store, said) == path
    assert (path / "lib/core.rlib").read_bytes() == bytes(1000)
    assert len(said) == 1 and words in said[0] and said[0].endswith("; it is made again")
    assert store.has("core", "abc") and leftovers(store) == []


def test_a_byte_that_changed_under_the_files_times_is_found_by_the_check_of_all(store: Store) -> None:
    path = built(store) / "lib/core.rlib"
    flip(path)
    status = path.stat()
    proof_of = path.parents[1] / "digests"
    lines = [line.split("  ") for line in proof_of.read_text().splitlines()]
    facts = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"  # as if a disk had changed it, unseen
    proof_of.write_text("".join(f"{d}  {facts if n.endswith('rlib') else f}  {n}\n" for d, f, n in lines))
    assert store.has("core", "abc")
    ((entry, damage),) = store.check()
    assert (entry.key, damage) == ("abc", f"{path} is not what was stored")
    out = io.StringIO()
    assert check(store, out) == 1 and "1 of them not as stored" in out.getvalue()


def test_a_copied_store_is_hashed_once_and_trusted_then(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(store)
    shutil.copytree(store.root, tmp_path / "copy", symlinks=True)
    hashed: list[Path] = []

    def digest(path: Path) -> str:
        hashed.append(path)
        return digests.file_digest(path)

    monkeypatch.setattr(proof, "file_digest", digest)
    copy = Store(tmp_path / "copy")
    assert copy.has("core", "abc") and len(hashed) == 2
    assert copy.has("core", "abc") and len(hashed) == 2


def test_a_new_entry_may_be_read_by_those_whom_the_umask_lets_and_written_by_its_owner_alone(store: Store) -> None:
    for umask, mode in ((0o022, 0o755), (0o002, 0o755), (0o077, 0o700)):
        before = os.umask(umask)
        try:
            store.prune(everything=True)
            path = built(store)
        finally:
            os.umask(before)
        assert [oct(p.stat().st_mode & 0o777) for p in (path, path / "lib")] == [oct(mode)] * 2
        assert path.joinpath("lib/core.rlib").stat().st_mode & 0o777 == mode & 0o666


def test_what_others_may_write_is_not_used(store: Store) -> None:
    path = built(store)
    (path / "lib/core.rlib").chmod(0o666)
    with pytest.raises(BootwrightError, match=r"others than its owner may write .*core.rlib"):
        store.has("core", "abc")
    (path / "lib/core.rlib").chmod(0o644)
    store.root.chmod(0o777)
    with pytest.raises(BootwrightError, match="anybody may write the store"):
        built(store)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")
def test_an_entry_of_a_strangers_is_not_used_and_a_teams_is(store: Store) -> None:
    path = built(store)
    for file in (path, *path.rglob("*")):
        os.chown(file, 65534, store.root.stat().st_gid)
    with pytest.raises(BootwrightError, match="belongs to nobody, not to you or to whom the store belongs"):
        store.has("core", "abc")
    store.root.chmod(0o775)  # a team's: its group may write it
    assert store.has("core", "abc")
    os.chown(store.root, 65534, 65534)
    store.root.chmod(0o755)
    assert store.has("core", "abc")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become another user")
def test_an_entry_that_may_not_be_read_is_a_sentence_and_no_missing_core() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        store = Store(Path(place, "store"))
        built(store).chmod(0o700)
        script = "from bootwright.storage.store import Store; from pathlib import Path; import os, sys; import pwd\n"
        script += "os.setresuid(65534, 65534, 65534); Store(Path(sys.argv[1])).has('core', 'abc')"
        ended = subprocess.run(
            [sys.executable, "-c", script, str(store.root)], capture_output=True, text=True, check=False,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
    assert "cannot be read: it belongs to root and has mode 0700" in ended.stderr
