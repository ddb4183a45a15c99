"""What a matrix leaves: build/matrix/index.html with a screen of each row, rows.json behind it, and a JUnit report."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from bootwright.base import atomic
from bootwright.machine.matrix import FACTORS, Row
from bootwright.testing.matrix import Outcome

ROWS = "rows.json"
PAGE = "index.html"
_FIELDS = tuple(Outcome.__annotations__)
_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #1c1c1c; background: #fff }
table { border-collapse: collapse } td, th { padding: .3em .7em; text-align: left; border-bottom: 1px solid #ddd }
th { position: sticky; top: 0; background: #fff } td { vertical-align: top }
pre { white-space: pre-wrap; margin: .3em 0 }
.passed { background: #e7f5e7 } .failed { background: #fbe3e1 } .no { color: #888 }
img { width: 200px; border: 1px solid #ccc; display: block } details { max-width: 46em }
"""


def keep(directory: Path, kernel: str, outcomes: Sequence[Outcome]) -> dict[int, Outcome]:
    """Adds outcomes to those that were kept of the same kernel, by its SHA-256, and returns all."""
    path = directory / ROWS
    known = {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["kernel"] == kernel:
            found = [Outcome(**{**row, "rows": tuple(row["rows"])}) for row in kept["outcomes"]]
            known = {outcome.number: outcome for outcome in found}
    except (OSError, ValueError, TypeError, KeyError):
        pass  # there is none, or that of another bootwright
    known |= {outcome.number: outcome for outcome in outcomes}
    facts = [{name: getattr(known[number], name) for name in _FIELDS} for number in sorted(known)]
    with atomic.new_file(path) as made:
        made.write_text(json.dumps({"kernel": kernel, "outcomes": facts}, indent=1) + "\n", encoding="utf-8")
    return known


def write_page(directory: Path, name: str, rows: Sequence[Row], outcomes: Mapping[int, Outcome]) -> Path:
    """Writes the page of all rows, those without an outcome too."""
    passed = sum(outcome.passed for outcome in outcomes.values())
    failed = len(outcomes) - passed
    counted = f"{passed} rows passed, {failed} failed, {len(rows) - len(outcomes)} were not booted"
    head = "".join(f"<th>{html.escape(word)}</th>" for word in ("row", *FACTORS, "end", "screen"))
    body = "\n".join(_line(row, outcomes.get(row.number)) for row in rows)
    text = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(name)}: matrix</title>'
        f"<style>{_STYLE}</style>\n<h1>{html.escape(name)} on {len(rows)} machines</h1>\n<p>{counted}.</p>\n"
        f"<table><tr>{head}</tr>\n{body}\n</table></html>\n"
    )
    with atomic.new_file(directory / PAGE) as made:
        made.write_text(text, encoding="utf-8")
    return directory / PAGE


def _line(row: Row, outcome: Outcome | None) -> str:
    cells = "".join(f"<td>{html.escape(value)}</td>" for value in (str(row.number), *row.properties))
    if outcome is None:
        return f'<tr class="no">{cells}<td>not booted</td><td></td></tr>'
    state = "passed" if outcome.passed else "failed"
    said = html.escape(outcome.why or outcome.sentence)
    more = html.escape(f"{outcome.firmware}\n{outcome.command}\n\n{outcome.serial}")
    picture = f'<a href="{outcome.picture}"><img src="{outcome.picture}" alt="row {row.number}" loading="lazy"></a>'
    end = f"{state}, {outcome.seconds:.1f} s<details><summary>{said}</summary><pre>{more}</pre></details>"
    return f'<tr class="{state}" id="row{row.number}">{cells}<td>{end}</td><td>{outcome.picture and picture}</td></tr>'


def write_junit(path: Path, rows: Sequence[Row], outcomes: Mapping[int, Outcome]) -> None:
    """Writes a JUnit report with a case for each of rows that has an outcome."""
    done = [(row, outcomes[row.number]) for row in rows if row.number in outcomes]
    failures = sum(not outcome.passed for _, outcome in done)
    root = ElementTree.Element("testsuites")
    totals = {"tests": str(len(done)), "failures": str(failures), "errors": "0", "skipped": "0"}
    suite = ElementTree.SubElement(root, "testsuite", {"name": "bootwright matrix", **totals})
    for row, outcome in done:
        facts = {"name": f"row {row.number}: {' '.join(row.properties)}", "time": f"{outcome.seconds:.3f}"}
        case = ElementTree.SubElement(suite, "testcase", {"classname": "matrix", **facts})
        if outcome.why:
            failure = ElementTree.SubElement(case, "failure", message=_plain(outcome.why))
            failure.text = _plain(f"{outcome.command}\n{outcome.serial}")
    with atomic.new_file(path) as made:
        ElementTree.ElementTree(root).write(made, encoding="utf-8", xml_declaration=True)


def _plain(text: str) -> str:
    """Returns text without the control characters that XML has no place for."""
    return "".join(c if c in "\t\n" or ord(c) >= 32 else "?" for c in text.replace("\r\n", "\n"))
