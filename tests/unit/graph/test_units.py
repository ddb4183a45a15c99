"""What our build adds to a unit of cargo's beyond cargo's words."""

from __future__ import annotations

import sys

import pytest

from bootwright.cargo.units import Unit
from bootwright.graph.units import STRIPPED, Ways
from bootwright.rust.more import More

REGISTRYS = "ab" * 32


@pytest.mark.parametrize(
    ("kind", "words", "checksum", "stripped"),
    [
        ("custom-build", "--crate-type bin", REGISTRYS, True),
        ("custom-build", "--crate-type bin -C debuginfo=1", REGISTRYS, True),
        ("proc-macro", "--crate-type proc-macro", REGISTRYS, True),
        ("custom-build", "--crate-type bin", "", True),
        ("custom-build", "--crate-type bin -C debuginfo=2", "", False),
        ("custom-build", "--crate-type bin -C strip=symbols", REGISTRYS, False),
        ("lib", "--crate-type lib", REGISTRYS, False),
        ("bin", "--crate-type bin --target x86_64-unknown-none", "", False),
        ("run", "", REGISTRYS, False),
    ],
)
def test_what_runs_on_the_builder_goes_without_the_librarys_debug_information(
    kind: str, words: str, checksum: str, stripped: bool
) -> None:
    unit = Unit("a", kind, "/", tuple(words.split()), {}, "a", "1.0.0", "/", checksum=checksum)
    more = Ways(More(), More(), More()).more(unit)
    assert (more.last == STRIPPED) is (stripped and sys.platform == "linux")  # elsewhere a program would have to do it


def test_a_script_whose_crate_is_for_the_builder_does_not_wait_for_core() -> None:
    def run_for(target: str, kind: str = "run") -> Unit:
        return Unit("a", kind, "/", (), {"TARGET": target}, "a", "1.0.0", "/")

    core = ("x86_64-unknown-none", "/store/core")
    ways = Ways(More(), More(), More(), core=core)
    assert ways.core_for(run_for(core[0])) == core
    assert ways.core_for(run_for("x86_64-unknown-linux-gnu")) is None
    assert ways.core_for(run_for(core[0], "lib")) is None
    assert Ways(More(), More(), More()).core_for(run_for(core[0])) is None
