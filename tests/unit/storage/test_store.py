"""The store: one entry is made once, whatever runs beside it and whatever is killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.storage import store as store_module
from bootwright.storage.store import DESCRIPTION, Store, default_root

SITE_SCONS = Path(__file__).resolve().parents[3] / "site_scons"

# A builder in a process of its own: writes 50 files one after the other, each saying which process wrote it.
BUILDER = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from bootwright.storage.store import Store

def build(out):
    with open(sys.argv[3], "a") as log:
        log.write("built\\n")
    for number in range(50):
        (out / f"file{number}").write_text(str(os.getpid()))
        time.sleep(float(sys.argv[4]))
    while len(sys.argv) > 5 and not os.path.exists(sys.argv[5]):
        time.sleep(0.01)

print("ready", flush=True)
print(Store(Path(sys.argv[2])).take_or_build("core", "abc", build, lambda line: print(line, flush=True)))
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, kind: str, key: str, size: int = 1, age: float = 0.0) -> Path:
    def build(out: Path) -> None:
        (out / "file").write_bytes(bytes(size))

    path = store.take_or_build(kind, key, build)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def start_builder(store: Store, log: Path, pause: float, until: Path | None = None) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", BUILDER, str(SITE_SCONS), str(store.root), str(log), str(pause)]
    argv += [str(until)] if until else []
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def is_whole(path: Path) -> bool:
    """Tells whether all 50 files are there, of one process."""
    files = [path / f"file{number}" for number in range(50)]
    return all(file.is_file() for file in files) and len({file.read_text() for file in files}) == 1


def leftovers(store: Store) -> list[str]:
    return sorted(path.name for path in (store.root / "new").glob("*"))


def test_an_entry_is_built_once_and_then_taken(store: Store) -> None:
    built = []

    def build(out: Path) -> None:
        assert list(out.iterdir()) == []
        built.append(out)
        (out / "f").write_text("content")

    assert not store.has("core", "abc")
    paths = [store.take_or_build("core", "abc", build) for _ in range(2)]
    assert paths == [store.root / "core" / "abc"] * 2
    assert (len(built), (paths[0] / "f").read_text(), store.has("core", "abc")) == (1, "content", True)
    assert leftovers(store) == []


def test_an_entry_appears_by_renaming_what_was_built(store: Store) -> None:
    built = []

    def build(out: Path) -> None:
        built.append(out.stat().st_ino)
        assert not store.has("core", "abc")

    assert store.take_or_build("core", "abc", build).stat().st_ino == built[0]


def test_to_ask_for_an_entry_makes_nothing(store: Store) -> None:
    assert not store.has("core", "abc")
    assert store.entries() == []
    assert not store.root.exists()


def test_a_build_that_fails_leaves_nothing_and_the_next_one_builds(store: Store) -> None:
    def fail(out: Path) -> None:
        (out / "half").write_text("")
        raise BootwrightError("core does not compile")

    with pytest.raises(BootwrightError, match="core does not compile"):
        store.take_or_build("core", "abc", fail)
    assert (store.has("core", "abc"), leftovers(store)) == (False, [])
    assert put(store, "core", "abc").is_dir()


def test_a_fault_of_our_own_stays_what_it_is(store: Store) -> None:
    def fail(_: Path) -> None:
        raise FileNotFoundError(2, "No such file or directory", "rustc")

    with pytest.raises(FileNotFoundError):
        store.take_or_build("core", "abc", fail)


def test_two_processes_build_once_and_the_second_says_that_it_waits(store: Store, tmp_path: Path) -> None:
    go = tmp_path / "go"
    first = start_builder(store, tmp_path / "log", 0, go)
    while not (tmp_path / "log").exists():
        time.sleep(0.005)
    second = start_builder(store, tmp_path / "log", 0, go)
    assert second.stdout is not None
    assert second.stdout.readline() == "waiting for another build, which makes core abc\n"
    go.touch()
    outputs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert [output.strip() for output in outputs] == [str(store.path("core", "abc"))] * 2
    assert (tmp_path / "log").read_text() == "built\n"
    assert is_whole(store.path("core", "abc"))


def test_threads_of_one_process_build_once(store: Store) -> None:
    built = []

    def build(out: Path) -> None:
        built.append(out)
        time.sleep(0.05)

    threads = [threading.Thread(target=store.take_or_build, args=("core", "abc", build)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_different_entries_do_not_wait_for_each_other(store: Store) -> None:
    def build(out: Path) -> None:
        store.take_or_build("core", "other", lambda inner: None, lambda line: pytest.fail(line))
        (out / "f").write_text("")

    store.take_or_build("core", "abc", build)
    assert store.has("core", "other")


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is Unix's")
def test_a_builder_that_is_killed_at_any_moment_leaves_a_usable_store(store: Store, tmp_path: Path) -> None:
    rng = random.Random(1)
    for _ in range(12):
        process = start_builder(store, tmp_path / "log", 0.001)
        time.sleep(rng.uniform(0.0, 0.09))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not store.has("core", "abc") or is_whole(store.path("core", "abc"))
        for entry in store.entries():
            assert (entry.kind, entry.key) == ("core", "abc")
    process = start_builder(store, tmp_path / "log", 0.0)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "waiting" not in output
    assert is_whole(store.path("core", "abc"))
    assert leftovers(store) == []


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is Unix's")
def test_one_waiting_takes_over_from_a_killed_builder(store: Store, tmp_path: Path) -> None:
    first = start_builder(store, tmp_path / "log", 1.0)
    while not leftovers(store):
        time.sleep(0.005)
    second = start_builder(store, tmp_path / "log", 0.0)
    assert second.stdout is not None
    assert "waiting" in second.stdout.readline()
    first.send_signal(signal.SIGKILL)
    first.communicate()
    second.communicate(timeout=60)
    assert second.returncode == 0
    assert is_whole(store.path("core", "abc"))
    assert leftovers(store) == []


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is Unix's")
def test_what_a_killed_builder_left_goes_when_another_entry_is_made(store: Store, tmp_path: Path) -> None:
    process = start_builder(store, tmp_path / "log", 1.0)
    while not leftovers(store):
        time.sleep(0.005)
    put(store, "core", "while.it.lives")
    assert len(leftovers(store)) == 1
    process.send_signal(signal.SIGKILL)
    process.communicate()
    put(store, "core", "after.it.died")
    assert leftovers(store) == []


def test_entries_tell_kind_key_description_size_and_last_use(store: Store) -> None:
    def build(out: Path) -> None:
        (out / "sub").mkdir()
        (out / "sub" / "file").write_bytes(bytes(1000))
        (out / DESCRIPTION).write_text("core of x\n")

    store.take_or_build("core", "abc", build)
    put(store, "loader", "old", size=5, age=100)
    first, second = store.entries()
    assert (first.kind, first.key, first.description, first.size) == ("core", "abc", "core of x", 1010)
    assert (second.kind, second.key, second.description, second.size) == ("loader", "old", "", 5)
    assert abs(time.time() - first.last_used) < 60
    assert abs(time.time() - 100 - second.last_used) < 60


def test_taking_an_entry_counts_as_use(store: Store) -> None:
    put(store, "core", "abc", age=1000)
    store.take_or_build("core", "abc", lambda _: pytest.fail("it is there"))
    assert abs(time.time() - store.entries()[0].last_used) < 60


def test_prune_by_age_removes_what_was_not_used(store: Store) -> None:
    put(store, "core", "old", age=1000)
    put(store, "core", "young", age=10)
    assert [entry.key for entry in store.prune(unused_for=500)] == ["old"]
    assert (store.has("core", "old"), store.has("core", "young"), leftovers(store)) == (False, True, [])


def test_prune_by_size_removes_the_oldest(store: Store) -> None:
    for age, key in enumerate(("a", "b", "c")):
        put(store, "core", key, size=100, age=age)
    assert [entry.key for entry in store.prune(larger_than=200)] == ["c"]
    assert [entry.key for entry in store.prune(larger_than=200)] == []


def test_prune_of_everything_empties_it(store: Store) -> None:
    put(store, "core", "a")
    put(store, "loader", "b")
    assert len(store.prune(everything=True)) == 2
    assert store.entries() == []


def test_prune_leaves_what_is_just_being_made(store: Store, tmp_path: Path) -> None:
    process = start_builder(store, tmp_path / "log", 0.02)
    while not leftovers(store):
        time.sleep(0.005)
    assert store.prune(everything=True) == []
    process.communicate(timeout=60)
    assert is_whole(store.path("core", "abc"))


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="file modes are Unix's")
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BootwrightError) as caught:
        Store(tmp_path / "file" / "store").take_or_build("core", "abc", lambda _: None)
    assert caught.value.message == f"the store cannot be written: {tmp_path / 'file/store/lock'}: Not a directory"
    assert "XDG_CACHE_HOME" in caught.value.hint or "LOCALAPPDATA" in caught.value.hint


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a place where nobody makes a directory is Linux's")
def test_a_place_where_nothing_can_be_made_is_one_sentence() -> None:
    with pytest.raises(BootwrightError, match=r"the store cannot be written: /proc/\.cache: No such file or directory"):
        Store(Path("/proc/.cache/bootwright")).take_or_build("core", "abc", lambda _: None)


def test_a_full_disk_is_one_sentence_and_leaves_no_entry(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "_to_disk", full)
    with pytest.raises(
        BootwrightError, match=r"the store cannot be written: .*No space left on device: the disk of .* MB left"
    ):
        put(store, "core", "abc")
    assert (store.has("core", "abc"), leftovers(store)) == (False, [])


@pytest.mark.parametrize("name", ["", "a/b", "..", "new", "a-b"])
def test_names_that_are_no_names_are_a_fault_of_ours(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        store.path(name, "abc") if name != ".." else store.path("core", "a/..")


def test_the_root_is_where_the_system_wants_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert default_root() == tmp_path / "cache" / "bootwright"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_root() == tmp_path / ".cache" / "bootwright"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_root() == tmp_path / ".cache" / "bootwright"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_root() == tmp_path / "Library" / "Caches" / "bootwright"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert default_root() == tmp_path / "Local" / "bootwright"


def test_prune_by_size_goes_on_with_what_is_left_once_the_oldest_is_gone(store: Store) -> None:
    for age, (key, size) in enumerate((("new", 150), ("large", 100), ("small", 40))):
        put(store, "core", key, size=size, age=age)
    assert [entry.key for entry in store.prune(larger_than=200)] == ["large"]


def test_what_is_long_to_make_is_on_the_disk_before_it_appears(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    appeared: list[bool] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        flushed.append(os.fstat(descriptor).st_ino)
        appeared.append(store.path("core", "abc").exists())

    monkeypatch.setattr(os, "fsync", note)

    def build(out: Path) -> None:
        (out / "file").write_bytes(b"x")

    path = store.take_or_build("core", "abc", build)
    assert {(path / "file").stat().st_ino, path.stat().st_ino, path.parent.stat().st_ino} <= set(flushed)
    assert appeared[:-1] == [False] * (len(appeared) - 1)
