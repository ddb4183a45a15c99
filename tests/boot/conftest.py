"""What the tests of this room share: a disk whose boot sector is theirs, and a kernel that dies on boards."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.boot.boards import Yard
from tests.boot.sectors import Sector


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """Where a kernel is compiled once for each board that it is to die on."""
    return Yard(tmp_path_factory.mktemp("yard"))


@pytest.fixture
def sector(tmp_path: Path) -> Sector:
    """Returns a function that makes a disk of 1 MiB whose boot sector is the given code."""

    def make(code: bytes) -> Path:
        assert len(code) <= 510
        path = tmp_path / f"disk{len(list(tmp_path.iterdir()))}.img"
        path.write_bytes((code.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0"))
        return path

    return make
