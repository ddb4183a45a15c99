"""`scons matrix` on a terminal: a line for each row as it ends, what runs meanwhile, and at the end what failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from bootwright.base.counting import Counting
from bootwright.base.errors import Status
from bootwright.machine.matrix import FACTORS, Row, make_rows
from bootwright.testing.matrix import Bench, Outcome, boot_rows
from bootwright.testing.matrix_page import keep, write_junit, write_page

_WIDTHS = {name: max(map(len, (name, *values))) for name, values in FACTORS.items()}


def run_matrix(
    name: str, kernel: str, rows: Sequence[Row], bench: Bench, jobs: int, junit: Path | None, out: TextIO, notes: TextIO
) -> int:
    """Boots rows, prints the table, and writes the page and the reports; returns scons's status.

    name is the kernel's, kernel its SHA-256.
    """
    assert bench.pictures is not None, "a person looks at them"
    counting = Counting(notes if notes.isatty() else None)
    outcomes: list[Outcome] = []
    print(f"{'':12}{'row':>4}  {_cells(Row(0, *FACTORS))}", file=out, flush=True)
    try:
        for row, outcome in boot_rows(rows, bench, jobs, lambda row: counting.begin(f"row {row.number}")):
            outcomes.append(outcome)
            counting.end(f"row {row.number}")
            word = "passed" if outcome.passed else "FAILED"
            done = f"{len(outcomes)}/{len(rows)}"
            line = f"{word} {outcome.seconds:4.1f} s {row.number:>3}  {_cells(row)}  {done}"
            print(line, file=out, flush=True)
    finally:
        counting.close()
        kept = keep(bench.pictures, kernel, outcomes)
        page = write_page(bench.pictures, name, make_rows(), kept)
    if junit:
        write_junit(junit, rows, {outcome.number: outcome for outcome in outcomes})
    bad = sorted((outcome for outcome in outcomes if not outcome.passed), key=lambda outcome: outcome.number)
    for outcome in bad:
        print(f"row {outcome.number}: {outcome.why}\n  `scons matrix ROW={outcome.number}` boots it again", file=out)
    releases = {outcome.firmware for outcome in outcomes if outcome.firmware.startswith("/")}
    print(f"{len(outcomes) - len(bad)} of {len(outcomes)} rows passed; {page} shows their screens", file=out)
    for release in sorted(releases):
        print(f"  with {release}", file=out)
    return Status.TESTS_FAILED if bad else Status.DONE


def _cells(row: Row) -> str:
    return "  ".join(f"{value:<{_WIDTHS[name]}}" for name, value in zip(FACTORS, row.properties, strict=True)).rstrip()
