"""`scons hosts`: a table of every row, what was made of it, and whether it ran."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bootwright.base.errors import Status
from bootwright.base.folding import fit, is_too_narrow
from bootwright.hosts.run import TIMEOUT, find_runner, run_program
from bootwright.hosts.table import Builder, Row

HEADINGS = ("host", "linker", "arguments", "file", "size", "verdict")
NOTHING = "-"


@dataclass(frozen=True)
class Built:
    """A row and the file that this build made of it, or found to be what it would make; else reason says why not.

    failed says that it should have been made.
    """

    row: Row
    path: Path | None
    reason: str = ""
    failed: bool = False


def report(
    made: Iterable[Built], status: int | None, builder: Builder, environ: Mapping[str, str], out: TextIO,
    timeout: float = TIMEOUT,
) -> int:  # fmt: skip
    """Runs what can be run and prints the table; returns the exit status.

    status is what a program has to end with, within timeout seconds; None: it was not made to be run, and is only
    checked. Every file in made has passed the check of its format.
    """
    lines: list[tuple[str, ...]] = []
    failed = False
    for built in made:
        row = built.row
        if built.path is None:
            lines.append((row.name, row.linker, " ".join(row.arguments), NOTHING, NOTHING, built.reason))
            failed = failed or built.failed
            continue
        verdict, ok = _verdict(built.path, row, status, builder, environ, timeout)
        failed = failed or not ok
        file = os.path.relpath(built.path)
        lines.append((row.name, row.linker, " ".join(row.arguments), file, f"{built.path.stat().st_size:,}", verdict))
    _print(lines, out)
    return Status.BUILD_ERROR if failed else Status.DONE


def _verdict(
    path: Path, row: Row, status: int | None, builder: Builder, environ: Mapping[str, str], timeout: float
) -> tuple[str, bool]:
    if status is None:
        return "checked", True
    runner = find_runner(row, builder, environ)
    if isinstance(runner, str):
        return f"checked; {runner}", True
    ending = run_program(path, runner, timeout)
    by = f" under {runner.name}" if runner.name else ""
    if ending.status == status:
        return f"ran{by}: {ending}", True
    return f"FAILED{by}: {ending}, not {status}", False


def _print(lines: list[tuple[str, ...]], out: TextIO) -> None:
    """Prints a table on a terminal, else columns parted by tabs, which a program can read.

    Where a terminal is too narrow for all of a row, its arguments and its file come below it.
    """
    if not out.isatty():
        out.write("".join("\t".join(line) + "\n" for line in (HEADINGS, *lines)))
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    files = [line[3] for line in lines if line[3] != NOTHING]
    shared = os.path.commonpath(files) if len(files) > 1 else ""
    console = Console(file=out)
    rows = [[cell.removeprefix(f"{shared}/") if i == 3 else cell for i, cell in enumerate(line)] for line in lines]
    columns = list(range(len(HEADINGS)))
    if sum(max(map(len, column)) + 2 for column in zip(HEADINGS, *rows, strict=True)) > console.width:
        columns = [0, 1, 4, 5]
    table = Table(box=box.SIMPLE_HEAD, caption=f"files in {shared}" if shared else None, caption_justify="left")
    for i in columns:
        table.add_column(HEADINGS[i], justify="right" if HEADINGS[i] == "size" else "left", overflow="fold")
    for row in rows:
        style = "red" if row[-1].startswith("FAILED") else "dim" if row[-2] == NOTHING else ""
        table.add_row(*(escape(row[i]) for i in columns), style=style)
    if is_too_narrow(console, table):
        for row in rows:
            size = "" if row[4] == NOTHING else f"{row[4]} bytes; "
            file = f"\n  {row[3]}" if row[3] != NOTHING else ""
            out.write(fit(f"{row[0]} by {row[1]}\n  {row[2]}\n  {size}{row[5]}{file}\n", out))
        out.write(f"files in {shared}\n" if shared else "")
        return
    console.print(table)
    if len(columns) < len(HEADINGS):
        for row in rows:
            file = f"\n  {row[3]}" if row[3] != NOTHING else ""
            out.write(fit(f"{row[0]} by {row[1]}: {row[2]}{file}\n", out))
