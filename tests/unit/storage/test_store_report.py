"""`scons store`: the list, and what PRUNE= removes."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.storage.store import Store
from bootwright.storage.store_report import DAY, MANY, report


def build(out: Path) -> None:
    """Makes an entry of a MiB."""
    (out / "f").write_bytes(bytes(1 << 20))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    for key, days in (("young", 0), ("old", 40)):
        path = store.take_or_build("sysroot", key, build)
        then = time.time() - days * DAY - 1
        os.utime(path, (then, then))
    return store


def said(store: Store, prune: str) -> str:
    out = io.StringIO()
    report(store, prune, out)
    return out.getvalue()


def test_each_entry_has_a_line_with_size_and_last_use(store: Store) -> None:
    text = said(store, "")
    assert f"{store.root}: 2 entries, 2.0 MiB\n" in text
    assert text.splitlines()[1:] == ["  sysroot  young     1.0 MiB  today", "  sysroot  old       1.0 MiB  40 days ago"]


def test_many_of_a_kind_are_one_line_and_each_is_listed_where_that_is_asked_for(store: Store) -> None:
    keys = [f"{number:064x}" for number in range(MANY + 1)]
    for key in keys:
        store.take_or_build("package", key, build)
    text = said(store, "")
    assert f"  package  {MANY + 1} entries    {MANY + 1}.0 MiB  today        --verbose lists each\n" in text
    assert len(text.splitlines()) == 4
    out = io.StringIO()
    report(store, "", out, whole=True)
    assert [key for key in keys if f"  package  {key}     1.0 MiB  today\n" not in out.getvalue()] == []


def test_days_remove_what_was_not_used_for_so_long(store: Store) -> None:
    assert f"removed from {store.root}: 1 entry, 1.0 MiB\n" in said(store, "30")
    assert store.has("sysroot", "young")
    assert not store.has("sysroot", "old")


def test_all_removes_everything(store: Store) -> None:
    assert f"{store.root}: 0 entries, 0.0 MiB\n" in said(store, "all")


@pytest.mark.parametrize("word", ["some", "-1", "nan", "inf"])
def test_another_word_is_refused_and_nothing_is_removed(store: Store, word: str) -> None:
    with pytest.raises(BootwrightError, match=f"PRUNE={word} is neither all nor a number of days"):
        said(store, word)
    assert len(store.entries()) == 2
