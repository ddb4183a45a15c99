"""One boot after the other: none of them fails by chance. With --soak 300, on the rows of the matrix in turn."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from tests.boot.kernels import Built, Workshop
from tests.boot.test_matrix import Boots

from bootwright.machine.matrix import make_rows

WHOLE, PART = 300, 3
# Each tenth by UEFI, which takes as long as ten others.
FIRMWARES = ("bios",) * 9 + ("uefi",)


@pytest.mark.needs("ovmf")
def test_boots_in_a_row_end_alike(workshop: Workshop, hello: Built, tmp_path: Path, soak: bool) -> None:
    boots, before = Boots(workshop, hello, tmp_path), hello.image.read_bytes()
    rows = {name: itertools.cycle(row for row in make_rows() if row.firmware == name) for name in set(FIRMWARES)}
    for number, firmware in enumerate(itertools.islice(itertools.cycle(FIRMWARES), WHOLE if soak else PART)):
        row = next(rows[firmware])
        outcome = boots.boot(row)
        assert outcome.passed, (number, row, outcome)
    assert hello.image.read_bytes() == before, "nobody wrote to it"
