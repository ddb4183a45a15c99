"""The target `host-tuple`, which cargo has since 1.91: the machine that builds, whatever it is."""

from __future__ import annotations

from collections.abc import Mapping

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import attempt, find_on_path

HOST_TUPLE = "host-tuple"


def resolve_target(word: str, environ: Mapping[str, str]) -> str:
    """Returns word, but for `host-tuple` the triple that it stands for, as rustc says it; raises where none does."""
    if word != HOST_TUPLE:
        return word
    rustc = find_on_path("rustc", environ)
    said = attempt([str(rustc), "-vV"], env=environ).stdout if rustc else ""
    found = next((line.removeprefix("host: ") for line in said.splitlines() if line.startswith("host: ")), "")
    if not found:
        raise BootwrightError(f"target {HOST_TUPLE}: no rustc on PATH says which triple that is", "TARGET= names one")
    return found
