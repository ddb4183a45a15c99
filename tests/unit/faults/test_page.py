"""docs/faults.md holds each entry of the catalogues, in their order, and no other; each keyword that a report has."""

from __future__ import annotations

import re
from pathlib import Path

from bootwright.faults.board_catalogue import DEATHS, OVERFLOW
from bootwright.faults.catalogue import CATALOGUE, Fault

HOME = Path(__file__).resolve().parents[3]
PAGE = (HOME / "docs" / "faults.md").read_text(encoding="utf-8")


def entry(fault: Fault) -> str:
    return f"- **{fault.name}**: {fault.meaning}. Usually: {fault.usually}."


def test_the_page_holds_the_catalogues() -> None:
    _, pc, boards = re.split(r"^## On .*$", PAGE, flags=re.MULTILINE)
    for text, faults in ((pc, CATALOGUE), (boards, (OVERFLOW, *(death.fault for death in DEATHS)))):
        told = re.findall(r"- \*\*.*?(?= - \*\*|$)", " ".join(text.split()))
        assert told == [entry(fault) for fault in faults]


def test_the_page_explains_the_keywords_of_reports() -> None:
    rooms = (HOME / "site_scons" / "bootwright").glob("*/*.py")
    said = {word for path in rooms for word in re.findall(r'_say\(\s*"(\w+)"', path.read_text(encoding="utf-8"))}
    explained = set(re.findall(r"`(\w+)`", PAGE.partition("|---|---|")[2].partition("\n\n")[0]))
    assert said | {"again"} == explained | {"symbols"}
