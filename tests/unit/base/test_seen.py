"""What a process looked at: all of it, and whether it is as it was."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bootwright.base import seen as module
from bootwright.base.seen import Facts, Seen, is_as_seen

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no time of a file that cannot be set back")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with files that are older than what follows."""
    root = tmp_path / "tree"
    (root / "inner").mkdir(parents=True)
    for name in ("read", "asked", "other"):
        (root / name).write_text(name)
    (root / "inner" / "one").touch()
    (root / "link").symlink_to("read")
    pause()
    return root


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Seen]:
    """What this process looks at from here on."""
    found = Seen(tmp_path / "clock")
    found.start()
    yield found
    found.stop()


def pause() -> None:
    """Waits for the next tick of the file system's clock."""
    time.sleep(0.02)


def look(tree: Path, seen: Seen) -> Facts | None:
    """Looks at the tree in each way."""
    (tree / "read").read_text()
    (tree / "asked").stat()
    (tree / "absent").exists()
    (tree / "link").is_symlink()
    list((tree / "inner").iterdir())
    os.access(tree / "other", os.R_OK)
    seen.stop()
    return seen.facts()


def rewrite(path: Path) -> None:
    """Writes as many other bytes, and gives the file back its time."""
    before = path.stat()
    path.write_text(path.read_text().swapcase())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def relink(tree: Path) -> None:
    (tree / "link").unlink()
    (tree / "link").symlink_to("asked")


def rekind(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file that was read": lambda tree: rewrite(tree / "read"),
    "a file that was asked for": lambda tree: rewrite(tree / "asked"),
    "rights": lambda tree: (tree / "other").chmod(0o600),
    "a file that was not there": lambda tree: (tree / "absent").touch(),
    "a name in a directory that was listed": lambda tree: (tree / "inner" / "new").touch(),
    "where a link leads": relink,
    "what a name in a directory that was listed is": lambda tree: rekind(tree / "inner" / "one"),
    "a file that is gone": lambda tree: (tree / "asked").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_whatever_was_looked_at_is_seen_to_be_another_one(
    tree: Path, seen: Seen, change: Callable[[Path], object]
) -> None:
    facts = look(tree, seen)
    assert facts is not None
    assert is_as_seen(facts)
    (tree / "unseen").touch()
    assert is_as_seen(facts), "nobody listed the tree itself"
    change(tree)
    assert not is_as_seen(facts)


def test_a_file_that_was_written_while_it_was_looked_at_proves_nothing(tree: Path, seen: Seen) -> None:
    (tree / "read").read_text()
    seen.stop()
    rewrite(tree / "read")
    assert seen.facts() is None


def test_a_file_that_was_written_since_the_start_proves_nothing(tree: Path, seen: Seen) -> None:
    subprocess.run(["touch", tree / "young"], check=True)  # which could be written once more within this tick
    (tree / "young").stat()
    seen.stop()
    assert seen.facts() is None


def test_a_file_that_is_just_as_old_as_the_start_proves_nothing(tree: Path, seen: Seen) -> None:
    (tree.parent / "clock").stat()
    seen.stop()
    assert seen.facts() is None


def test_what_it_wrote_itself_and_starts_of_others_are_told_apart(tree: Path, seen: Seen) -> None:
    (tree / "mine").write_text("mine")
    (tree / "mine").stat()
    (tree / "new").write_text("new")
    (tree / "new").rename(tree / "renamed to mine")
    (tree / "renamed to mine").read_text()
    assert not seen.started_others
    subprocess.run(["true"], check=True)
    seen.stop()
    facts = seen.facts()
    assert facts is not None
    assert not [name for names in facts.values() for name in names if name.endswith("mine")]
    assert seen.started_others


def test_where_times_can_be_set_back_contents_are_compared(
    tree: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on FAT, where the time of the inode is that of the contents."""
    with monkeypatch.context() as patch:
        patch.setattr(module, "ANCIENT", time.time_ns() + 10**12)
        seen.stop()
        fat = Seen(tree.parent / "fat")
        fat.start()
    (tree / "read").read_text()
    fat.stop()
    facts = fat.facts()
    assert facts is not None
    assert list(facts["contents"]) == [str(tree / "read")]
    facts["found"].clear()
    assert is_as_seen(facts)
    rewrite(tree / "read")
    assert not is_as_seen(facts)
