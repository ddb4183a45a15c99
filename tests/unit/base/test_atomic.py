"""What is written appears whole or not at all, nothing half-written stays, and what a link leads to is not touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootwright.base.atomic import (
    check_place,
    is_leftover,
    new_directory,
    new_file,
    remove,
    remove_file,
    remove_leftovers,
)
from bootwright.base.errors import BootwrightError
from bootwright.base.home import SITE


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("shared", [False, True])
def test_a_file_appears_when_it_is_whole_in_a_directory_that_is_made(shared: bool, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for text in ("first", "second"):
        before = path.read_text() if path.exists() else None
        with new_file(path, shared=shared) as new:
            new.write_text(text)
            assert (path.read_text() if path.exists() else None) == before
        assert (path.read_text(), names(path.parent)) == (text, ["file"])


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("ended_by", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_ends_before_it_is_whole_leaves_the_file_of_before(
    ended_by: type[BaseException], shared: bool, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(ended_by), new_file(path, shared=shared) as new:
        new.write_text("half")
        raise ended_by
    assert (path.read_text(), names(tmp_path)) == ("before", ["file"])


def test_a_file_that_cannot_take_its_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "place"
    (path / "held").mkdir(parents=True)
    with pytest.raises(OSError, match="place"), new_file(path) as new:
        new.write_text("whole")
    assert names(tmp_path) == ["place"]


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_a_killed_process_left_is_not_in_the_way_and_a_link_is_not_written_through(
    kind: str, tmp_path: Path
) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    other.write_text("a person's")
    with new_file(path) as left:
        left.touch()
    path.unlink()
    if kind == "directory":
        left.mkdir()
        (left / "x").touch()
    elif kind == "link":
        left.symlink_to(other)
    else:
        left.write_text("half of something longer")
    with new_file(path) as new:
        assert not os.path.lexists(new)
        new.write_text("whole")
    assert (path.read_text(), other.read_text(), names(tmp_path)) == ("whole", "a person's", ["file", "other"])


def test_two_processes_that_write_a_shared_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "file"
    program = (
        "import pathlib, sys; from bootwright.base.atomic import new_file\n"
        "with new_file(pathlib.Path(sys.argv[1]), shared=True) as new: new.write_text('theirs')"
    )
    with new_file(path, shared=True) as new:
        new.write_text("ours")
        subprocess.run([sys.executable, "-c", program, path], env={**os.environ, "PYTHONPATH": str(SITE)}, check=True)
        assert (path.read_text(), new.read_text()) == ("theirs", "ours")
    assert (path.read_text(), names(tmp_path)) == ("ours", ["file"])


def test_a_scratch_directory_is_empty_and_new_each_time_and_what_is_not_taken_out_goes(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "out"
    with new_directory(path) as first, new_directory(path) as second:
        assert first != second and first.parent == second.parent == path.parent
        assert names(first) == names(second) == []
        (first / "deep").mkdir()
        (first / "deep" / "rest").touch()
        (first / "taken").write_text("kept")
        (first / "taken").rename(path)
    assert (names(path.parent), path.read_text()) == (["out"], "kept")
    with pytest.raises(KeyboardInterrupt), new_directory(path) as third:
        (third / "half").touch()
        raise KeyboardInterrupt
    assert names(path.parent) == ["out"]


def test_what_is_removed_is_the_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    directory, link, file, dangling = (tmp_path / name for name in ("directory", "link", "file", "dangling"))
    directory.mkdir()
    (directory / "kept").touch()
    file.touch()
    link.symlink_to(directory)
    dangling.symlink_to(tmp_path / "nowhere")
    assert [remove(link), remove(file), remove(dangling), remove(file)] == [True, True, True, False]
    assert names(directory) == ["kept"]
    assert (remove(directory), names(tmp_path)) == (True, [])


def test_an_action_removes_files_and_links_and_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, link, file, dangling = (tmp_path / name for name in ("directory", "link", "file", "dangling"))
    directory.mkdir()
    file.touch()
    link.symlink_to(directory)
    dangling.symlink_to(tmp_path / "nowhere")
    for nothing in (directory, file / "below", tmp_path / "missing", tmp_path / ("long" * 100)):
        assert not remove_file(nothing)
    kept = tmp_path / "kept"
    kept.touch()
    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "unlink", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        assert not remove_file(directory)
        with pytest.raises(BootwrightError, match="kept cannot be removed: Permission denied"):
            remove_file(kept)
    assert [remove_file(file), remove_file(link), remove_file(dangling)] == [True, True, True]
    assert names(tmp_path) == ["directory", "kept"]


def test_only_what_was_left_half_written_is_swept_away(tmp_path: Path) -> None:
    kept = [".gitignore", ".news", "a.new", "a.new-b", "kernel.img"]
    with new_file(tmp_path / "x") as file, new_file(tmp_path / "x", shared=True) as shared:
        file.touch()
        shared.touch()
    with new_directory(tmp_path / "x") as scratch:
        left = [file.name, shared.name, scratch.name]
    remove(tmp_path / "x")
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    for directory in (tmp_path, tmp_path / "deep" / "er", elsewhere):
        directory.mkdir(parents=True, exist_ok=True)
        for name in (*kept, *left[:2]):
            (directory / name).touch()
        (directory / left[2] / "full").mkdir(parents=True)
    (tmp_path / "link").symlink_to(elsewhere)
    assert [name for name in (*kept, *left) if is_leftover(name)] == left
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([*kept, "deep", "link"])
    assert names(tmp_path / "deep" / "er") == sorted(kept)
    assert names(elsewhere) == sorted([*kept, *left]), "what a link leads to is another's"


def test_a_place_for_a_file_is_made_or_refused_with_the_word_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "junit.xml"
    assert check_place(path, "--junit") == path and path.parent.is_dir() and not path.exists()
    for place, why in ((tmp_path, "it is a directory"), (Path("/proc/nowhere/x"), "no such file or directory")):
        with pytest.raises(BootwrightError) as raised:
            check_place(place, "--junit")
        assert raised.value.message == f"--junit={place} cannot be written: {why}"
