"""A JUnit report of no test: a CI server that finds no file takes that for a step that failed to write one."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from bootwright.base import atomic


def write_empty(path: Path, why: str) -> None:
    """Writes a report without a test, which holds why there is none."""
    root = ElementTree.Element("testsuites")
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), "0")
    suite = ElementTree.SubElement(root, "testsuite", {"name": "bootwright", **totals, "time": "0"})
    ElementTree.SubElement(suite, "system-out").text = why
    with atomic.new_file(path) as made:
        ElementTree.ElementTree(root).write(made, encoding="utf-8", xml_declaration=True)
