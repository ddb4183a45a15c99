"""What root may be given to run: files that nobody but this person and root can change."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash import trust

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sudo is for a Unix; an administrator runs it as it is")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program in a checkout."""
    (tmp_path / "checkout" / "package").mkdir(parents=True)
    (tmp_path / "checkout").chmod(0o755)
    (tmp_path / "checkout" / "package").chmod(0o755)
    path = tmp_path / "checkout" / "package" / "program.py"
    path.write_text("")
    path.chmod(0o644)
    return path


def test_a_persons_own_files_are_trusted(program: Path) -> None:
    trust.check_trusted([program])


@pytest.mark.parametrize("place", ["package/program.py", "package", "."])
@pytest.mark.parametrize(
    ("mode", "words"), [(0o002, "may be written by everybody"), (0o020, "may be written by group")]
)
def test_what_others_can_change_is_named(program: Path, tmp_path: Path, place: str, mode: int, words: str) -> None:
    path = tmp_path / "checkout" / place
    gid = next(gid for gid in (*os.getgroups(), 4711) if gid != os.getgid() or gid == 4711)
    if os.geteuid() == 0:
        os.chown(path, -1, gid)
    elif mode == 0o020 and trust.distrust(path) == "" and path.stat().st_gid == os.getgid():
        pytest.skip("only root can give a file to another group")
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(BootwrightError, match=f"root would run .* and .* {words}") as caught:
        trust.check_trusted([program])
    assert caught.value.status == Status.NO_PERMISSION
    assert f"chmod go-w {path.resolve()}" in caught.value.hint


def test_a_file_of_another_person_is_not_trusted(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4711)
    if program.stat().st_uid == 0:
        assert trust.distrust(program) == ""
        os.chown(program, 4712, -1)
    assert "belongs to user" in trust.distrust(program)


def test_a_sticky_directory_is_as_good_as_what_lies_in_it(program: Path) -> None:
    program.parent.chmod(0o1777)
    trust.check_trusted([program])


def test_a_link_is_as_good_as_where_it_leads(program: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program.rename(elsewhere / "program.py")
    program.symlink_to(elsewhere / "program.py")
    trust.check_trusted([program])
    elsewhere.chmod(0o777)
    with pytest.raises(BootwrightError, match="elsewhere may be written by everybody"):
        trust.check_trusted([program])


def test_all_that_root_would_import_is_looked_at() -> None:
    files = set(trust.program_files())
    home = Path(trust.__file__).parents[2]
    assert {home, home / "bootwright" / "flash" / "trust.py", Path(sys.executable), Path(os.__file__)} <= files
    assert (Path(sys.prefix, "pyvenv.cfg") in files) == (sys.prefix != sys.base_prefix)


@pytest.mark.parametrize(
    ("name", "members", "trusted"),
    [("ann", [], True), ("ann", ["ann"], True), ("ann", ["ann", "bob"], False), ("users", [], False), ("", [], False)],
    ids=["nobody's else", "and says so", "with another", "of all", "unknown"],
)
def test_a_group_of_this_person_alone_may_write(
    program: Path, monkeypatch: pytest.MonkeyPatch, name: str, members: list[str], trusted: bool
) -> None:
    def group(gid: int) -> SimpleNamespace:
        if not name:
            raise KeyError(gid)
        return SimpleNamespace(gr_name=name, gr_mem=members)

    monkeypatch.setattr("grp.getgrgid", group)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: SimpleNamespace(pw_name="ann"))
    assert trust.distrust(program) == "", "the group may not write"
    program.chmod(0o664)
    assert (trust.distrust(program) == "") == trusted
    if trusted and sys.platform == "linux":
        monkeypatch.setattr("os.listxattr", lambda path: [trust.ACL])
        assert "access control list" in trust.distrust(program)
        program.chmod(0o644)
        assert trust.distrust(program) == "", "the list gives no right that the group's bits do not show"


def test_what_cannot_be_looked_at_is_not_trusted(program: Path) -> None:
    assert trust.distrust(program.with_name("gone")) == "cannot be looked at: No such file or directory"
