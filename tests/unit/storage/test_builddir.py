"""The build directory: one build at a time, and nothing half-written that a later build would trust."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import try_lock
from bootwright.storage import builddir, outputs
from bootwright.storage.builddir import BuildDirectory

HOLD = """
import sys, time
from pathlib import Path
from bootwright.storage.builddir import BuildDirectory
build = BuildDirectory(Path(sys.argv[1]))
build.take("scons held", print)
build.started([Path(sys.argv[1], name) for name in sys.argv[2:]])
for name in sys.argv[2:]:
    Path(sys.argv[1], name).write_text("half")
print("held", flush=True)
time.sleep(60)
"""


# Waits for nobody: ends with 7 at the first word that another build has the directory.
TRY = """
import sys
from pathlib import Path
from bootwright.storage.builddir import BuildDirectory
BuildDirectory(Path(sys.argv[1])).take("scons third", lambda line: sys.exit(7))
"""


def hold(build: Path, *names: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(build), *names], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "held"
    return process


def test_a_second_build_waits_and_says_for_whom(tmp_path: Path) -> None:
    holder = hold(tmp_path)
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        holder.kill()

    build = BuildDirectory(tmp_path)
    build.take("scons second", tell)
    holder.wait()
    assert said == [f"waiting for process {holder.pid}: scons held, which has {tmp_path}"]
    build.finish()


def test_a_dead_builds_lock_is_taken_over_and_its_targets_are_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("whole")
    holder = hold(tmp_path, "begun", "also")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    said: list[str] = []
    build = BuildDirectory(tmp_path)
    build.take("scons", said.append)
    assert not (tmp_path / "begun").exists()
    assert not (tmp_path / "also").exists()
    assert (tmp_path / "kept").read_text() == "whole"
    assert len(said) == 1
    assert said[0].startswith("the last build did not end; removed what it had begun:")
    assert str(tmp_path / "begun") in said[0]
    build.finish()


def test_what_was_recorded_stays_and_the_rest_is_removed(tmp_path: Path) -> None:
    build = BuildDirectory(tmp_path)
    build.take("scons", print)
    build.started([tmp_path / "a", tmp_path / "b"])
    for name in "ab":
        (tmp_path / name).write_text(name)
    build.finish({tmp_path / "a": "0" * 64}, [tmp_path / "b"])
    assert (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()
    assert not (tmp_path / "journal").exists()
    assert outputs.read_manifest(tmp_path / "manifest") == {"a": "0" * 64}


def test_what_a_killed_build_began_leaves_the_manifest_and_its_scratch_goes(tmp_path: Path) -> None:
    outputs.update_manifest(tmp_path, {tmp_path / "begun": "1" * 64, tmp_path / "kept": "2" * 64}, [])
    holder = hold(tmp_path, "begun")
    with atomic.new_directory(tmp_path / "begun") as scratch:
        holder.kill()
        holder.wait()
        (scratch / "x").touch()
        build = BuildDirectory(tmp_path)
        build.take("scons", lambda line: None)
        assert not scratch.exists()
    assert outputs.read_manifest(tmp_path / "manifest") == {"kept": "2" * 64}
    build.finish()


def test_the_next_build_waits_until_a_removed_directory_is_gone(tmp_path: Path) -> None:
    place = tmp_path / "build"
    first = BuildDirectory(place)
    first.take("scons -c", print)
    (place / "output").touch()
    told = threading.Event()
    second = BuildDirectory(place)
    waiting = threading.Thread(target=second.take, args=("scons", lambda line: told.set()))
    waiting.start()
    assert told.wait(60)
    first.finish(remove=True)
    waiting.join(60)
    assert not (place / "output").exists()
    # The lock that the second holds must be the file that a third one opens.
    holder = subprocess.run(
        [sys.executable, "-c", TRY, str(place)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert holder.returncode == 7
    second.finish()


def test_a_build_writes_nothing_into_the_manifest_that_it_did_not_make(tmp_path: Path) -> None:
    build = BuildDirectory(tmp_path)
    build.take("scons", print)
    build.finish()
    assert not (tmp_path / "manifest").exists()


def test_a_torn_last_line_of_the_journal_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("half")
    (tmp_path / "journal").write_text('"x"\n"to')
    build = BuildDirectory(tmp_path)
    build.take("scons", lambda line: None)
    assert not (tmp_path / "x").exists()
    build.finish()


def recover(place: Path) -> list[str]:
    """Takes and frees the directory; returns what was said."""
    said: list[str] = []
    build = BuildDirectory(place)
    build.take("scons", said.append)
    build.finish()
    return said


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A directory of a person's, with a file, beside the build directory."""
    (tmp_path / "build" / "debug").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    return tmp_path / "mine"


@pytest.mark.parametrize(
    "name", ["{victim}", "{victim}/letter", "../mine", "../mine/letter", "debug/../../mine/letter"]
)
def test_a_journal_names_nothing_outside_of_its_directory(tmp_path: Path, victim: Path, name: str) -> None:
    build = tmp_path / "build"
    (build / "journal").write_text(json.dumps(name.format(victim=victim)) + "\n")
    (build / builddir.SIGNATURES).touch()
    said = recover(build)
    assert (victim / "letter").read_text() == "dear"
    assert len(said) == 1 and "no name of an output" in said[0] and "all is made again" in said[0]
    assert not (build / builddir.SIGNATURES).exists()
    assert not (build / "journal").exists()


def test_a_link_does_not_lead_a_journal_or_a_target_out_of_the_directory(tmp_path: Path, victim: Path) -> None:
    build = tmp_path / "build"
    (build / "debug" / "obj").symlink_to(victim)
    (build / "journal").write_text('"debug/obj/letter"\n')
    recover(build)
    assert (victim / "letter").read_text() == "dear"
    directory = BuildDirectory(build)
    directory.take("scons", print)
    with pytest.raises(BootwrightError, match="debug/obj/letter does not lie in"):
        directory.started([build / "debug" / "obj" / "letter"])
    assert not (build / "journal").exists()
    directory.finish()
    (build / "release").symlink_to(victim)
    with pytest.raises(BootwrightError, match=r"build/release is a link to .*mine; outputs lie in"):
        directory.take("scons", print)


def test_a_directory_is_never_removed_since_no_action_makes_one(tmp_path: Path) -> None:
    (tmp_path / "debug" / "kept").mkdir(parents=True)
    (tmp_path / "journal").write_text('"debug"\n')
    recover(tmp_path)
    build = BuildDirectory(tmp_path)
    build.take("scons", print)
    build.finish(gone=[tmp_path / "debug"])
    assert (tmp_path / "debug" / "kept").is_dir()


def test_a_copied_tree_removes_its_own_half_written_output_and_not_the_originals(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    holder = hold(first, "begun")
    holder.kill()
    holder.wait()
    shutil.copytree(first, second)
    said = recover(second)
    assert (first / "begun").exists()
    assert not (second / "begun").exists()
    assert str(second / "begun") in said[0]


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\n",
        b"[" * 200_000 + b"\n",
        b"9" * 5000 + b"\n",
        b'"' + b"n" * 300 + b'"\n',
        b'{"a": 1}\n',
        b'"a\\u0000b"\n',
        b'"a\\ud800b"\n',
    ],
    ids=["no-text", "deep", "big-number", "long-name", "table", "NUL", "half-a-character"],
)
def test_a_journal_that_says_nothing_has_all_made_again(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "journal").write_bytes(text)
    (tmp_path / builddir.SIGNATURES).touch()
    (said,) = recover(tmp_path)
    assert said.endswith("all is made again") and len(said) < 400
    assert not (tmp_path / builddir.SIGNATURES).exists()
    assert recover(tmp_path) == []


@pytest.mark.parametrize("name", ["journal", "manifest"])
def test_a_fifo_in_place_of_a_file_of_the_build_is_one_sentence(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    build = BuildDirectory(tmp_path)
    with pytest.raises(BootwrightError, match=f"{name} is a FIFO, no regular file"):
        build.take("scons", print)
        build.finish({tmp_path / "a": "0" * 64})


def test_a_place_that_cannot_hold_a_directory_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BootwrightError, match="file/build cannot be written: Not a directory"):
        BuildDirectory(tmp_path / "file" / "build").take("scons", print)


def test_a_place_that_stays_away_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As below /proc, which says of what cannot be made that it is not there."""

    def refuse(path: Path, **words: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(BootwrightError, match="build cannot be written: No such file or directory"):
        BuildDirectory(tmp_path / "build").take("scons", print)


def test_a_place_without_locks_is_one_sentence_and_no_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(builddir, "try_lock", no_locks)
    with pytest.raises(BootwrightError, match="lock cannot be locked: No locks available"):
        BuildDirectory(tmp_path).take("scons", print)


def test_a_new_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic.new_file(path) as temporary:
        temporary.write_text("half")
        assert path.read_text() == "old"
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with atomic.new_file(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_scratch_directory_is_gone_afterwards_and_a_leftover_is_cleared(tmp_path: Path) -> None:
    path = tmp_path / "f"
    (tmp_path / "deep").mkdir()
    leftovers = [tmp_path / ".f.new-1a2b", tmp_path / "deep" / ".g.new"]
    for leftover in leftovers:
        leftover.mkdir()
        (leftover / "old").touch()
    (tmp_path / "deep" / "f.new").touch()
    with atomic.new_directory(path) as scratch, atomic.new_directory(path) as other:
        assert not list(scratch.iterdir())
        assert scratch != other
        (scratch / "x").touch()
        assert atomic.is_leftover(scratch.name)
    assert not scratch.exists()
    atomic.remove_leftovers(tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == ["deep", "deep/f.new"]


def test_a_wait_asks_a_few_times_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = hold(tmp_path)
    asked, told = list[float](), list[str]()

    def note(descriptor: int) -> bool:
        asked.append(time.monotonic())
        return try_lock(descriptor)

    def tell(line: str) -> None:
        told.append(line)
        subprocess.Popen([sys.executable, "-c", f"import os,time; time.sleep(0.4); os.kill({holder.pid}, 9)"])

    monkeypatch.setattr(builddir, "try_lock", note)
    build = BuildDirectory(tmp_path)
    build.take("scons", tell)
    assert len(told) == 1
    assert len(asked) <= 2 + 20 * (asked[-1] - asked[0]), "it sleeps in between"
    holder.wait()
    build.finish()


def test_what_an_action_begins_is_on_the_disk_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        flushed.append((tmp_path / "journal").read_text())

    monkeypatch.setattr(os, "fsync", note)
    build = BuildDirectory(tmp_path)
    build.take("scons", print)
    build.started([tmp_path / "a.elf", tmp_path / "a.map"])
    assert flushed == ['"a.elf"\n"a.map"\n']
    build.finish()


def test_a_directory_in_somebodys_package_is_marked_before_anything_is_made_in_it(tmp_path: Path) -> None:
    place, said = tmp_path / "package" / "build", list[str]()
    for _ in range(2):
        build = BuildDirectory(place, own=False)
        build.take("scons", said.append)
        assert (place / builddir.MARK).read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
        assert (place / builddir.IGNORE).read_text() == "*\n"
        build.finish()
    assert said == [f"what is built goes to {place}, which git passes over; BUILD= names another place"]
    assert outputs.found_outputs(place) == []
    build = BuildDirectory(place, own=False)
    build.take("scons -c", said.append)
    build.finish(remove=True)
    assert not place.exists()


@pytest.mark.parametrize(
    "files",
    [{"notes.txt": ""}, {"CACHEDIR.TAG": "somebody's"}, {"CACHEDIR.TAG": "", "notes.txt": ""}, {"lock": "", "a": ""}],
    ids=["a file", "another's mark", "an empty mark and a file", "a lock and a file"],
)
def test_a_directory_that_holds_others_files_is_refused_and_left_as_it_is(
    tmp_path: Path, files: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(BootwrightError, match=r"is to hold what is built, and holds .*, which bootwright did not make"):
        BuildDirectory(tmp_path, own=False).take("scons", print)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files


@pytest.mark.parametrize("left", [["lock"], ["lock", ".gitignore"], ["lock", ".gitignore", "CACHEDIR.TAG"]])
def test_a_build_that_was_killed_as_it_marked_its_directory_is_no_stranger(tmp_path: Path, left: list[str]) -> None:
    for name in left:
        (tmp_path / name).touch()
    build = BuildDirectory(tmp_path, own=False)
    build.take("scons", lambda line: None)
    assert (tmp_path / builddir.MARK).read_text() == builddir.MARK_TEXT
    build.finish()
