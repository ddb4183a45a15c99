"""Made-up machines and what their device files say."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.flash.linux_trees import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> dict[Path, tuple[int, int]]:
    """Links to device files, with the numbers of those; a test's tree has no device files. Others are looked at."""
    found: dict[Path, tuple[int, int]] = {}
    look = Path.stat

    def looked_at(path: Path, *, follow_symlinks: bool = True) -> object:
        if path in found:
            return SimpleNamespace(st_mode=stat.S_IFBLK | 0o660, st_rdev=os.makedev(*found[path]), st_dev=5, st_ino=9)
        return look(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", looked_at)
    return found
