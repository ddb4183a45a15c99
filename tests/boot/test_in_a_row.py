"""One boot after the other: none of them fails by chance. With --soak 300, each tenth by UEFI."""

from __future__ import annotations

import io
import itertools

import pytest
from tests.boot.kernels import Built
from tests.boot.test_matrix import DISKS

from bootwright.machine.verdict import Kind
from bootwright.run.config import RunConfig
from bootwright.run.run import run

WHOLE, PART = 300, 3


@pytest.mark.needs("ovmf")
def test_boots_in_a_row_end_alike(hello: Built, soak: bool) -> None:
    before = hello.image.read_bytes()
    firmwares = ("bios",) * 9 + ("uefi",)
    ways = zip(itertools.cycle(firmwares), itertools.cycle(DISKS), strict=False)
    for number, (firmware, (machine, disk)) in enumerate(itertools.islice(ways, WHOLE if soak else PART)):
        config = RunConfig(hello.image, machine=machine, disk=disk, firmware=firmware, headless=True, timeout=60)
        end = run(config, io.StringIO(), io.StringIO())
        assert (end.kind, end.serial) == (Kind.HALTED, "Hello World!\r\n"), (number, firmware, machine, disk, end)
    assert hello.image.read_bytes() == before, "nobody wrote to it"
