"""The table of the matrix: whole, long enough, within its rules, and the same on every computer."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

from bootwright.base.home import SITE
from bootwright.machine.arguments import machine_arguments
from bootwright.machine.config import DISK_DEVICES, NETWORK, MachineConfig
from bootwright.machine.matrix import FACTORS, RULES, make_rows
from bootwright.machine.options import split_flags

LEAST = 96
PRINT = "from bootwright.machine.matrix import make_rows; print(*(row.properties for row in make_rows()))"


def test_any_two_properties_that_go_together_meet_in_a_row() -> None:
    assert len(make_rows()) >= LEAST
    met = {pair for row in make_rows() for pair in itertools.combinations(zip(FACTORS, row.properties, strict=True), 2)}
    missing = []
    for one, other in itertools.combinations(FACTORS, 2):
        rule = RULES.get((one, other))
        for first, second in itertools.product(FACTORS[one], FACTORS[other]):
            goes = rule is None or rule(first, second)
            if goes and ((one, first), (other, second)) not in met:
                missing.append((first, second))
    # Without a bus it is the fast lane, which does not go with a QXL.
    assert missing == [("none", "qxl")]


def test_no_row_breaks_a_rule_and_none_is_there_twice() -> None:
    for row in make_rows():
        for (one, other), rule in RULES.items():
            assert rule(getattr(row, one), getattr(row, other)), row
    assert [row.number for row in make_rows()] == list(range(1, len(make_rows()) + 1))
    assert len({row.properties for row in make_rows()}) == len(make_rows())


def test_the_rules_are_about_properties_in_their_order() -> None:
    names = list(FACTORS)
    assert all(names.index(one) < names.index(other) for one, other in RULES)


def test_the_table_is_the_same_whatever_python_hashes_by() -> None:
    tables = {
        subprocess.run([sys.executable, "-c", PRINT], capture_output=True, text=True, check=True,
                       env={"PYTHONPATH": str(SITE), "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(tables) == 1


def test_each_bus_is_one_of_a_machine() -> None:
    assert set(FACTORS["bus"]) - {"none", NETWORK} == set(DISK_DEVICES)


def test_a_machine_without_a_disk_fetches_its_file() -> None:
    config = MachineConfig(Path("/served/a,b/k.pxe"), qemu_flags=split_flags("-bios x"), disk=NETWORK)
    arguments = machine_arguments(config, None)
    assert "user,id=network,tftp=/served/a,,b,bootfile=k.pxe" in arguments
    assert not any("id=disk" in word for word in arguments)
