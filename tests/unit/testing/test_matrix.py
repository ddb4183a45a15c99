"""Which rows are booted, what is kept of them, and what a person and a CI server are shown."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.machine.matrix import Row, make_rows
from bootwright.testing import matrix_table
from bootwright.testing.matrix import Bench, Outcome, chosen_rows
from bootwright.testing.matrix_page import keep, write_junit, write_page

ROW = Row(7, "uefi", "q35", "max", "1G", "nvme", "std", "2", "small")


def outcome(number: int, why: str = "") -> Outcome:
    return Outcome(number, why, "the kernel halted", 1.5, f"{number}.png", "Hi <\x1b>\n", ("Hi",), "qemu", "/OVMF.fd")


def test_rows_are_chosen_by_number_and_by_shard() -> None:
    every = chosen_rows()
    assert [row.number for row in chosen_rows("3 1 3")] == [3, 1]
    shards = [chosen_rows(shard=(number, 4)) for number in (1, 2, 3, 4)]
    assert sorted((row for shard in shards for row in shard), key=lambda row: row.number) == every
    with pytest.raises(BootwrightError, match=rf"ROW=500: the matrix has rows 1 to {len(every)}"):
        chosen_rows("1 500")


def test_rows_of_earlier_runs_are_kept_for_the_same_kernel_alone(tmp_path: Path) -> None:
    keep(tmp_path, "a", [outcome(1, "it hung"), outcome(2)])
    assert keep(tmp_path, "a", [outcome(1)]) == {1: outcome(1), 2: outcome(2)}
    assert keep(tmp_path, "b", [outcome(3)]) == {3: outcome(3)}
    (tmp_path / "rows.json").write_text("nonsense")
    assert keep(tmp_path, "b", [outcome(4)]) == {4: outcome(4)}


def test_the_page_has_each_row_and_nothing_of_a_guest_is_markup(tmp_path: Path) -> None:
    rows = [ROW, dataclasses.replace(ROW, number=8)]
    text = write_page(tmp_path, "a<b", rows, {7: outcome(7, "it said <script>")}).read_text()
    assert 'id="row7"' in text and '<img src="7.png"' in text and "not booted" in text
    assert "<script>" not in text and "it said &lt;script&gt;" in text and "a&lt;b on 2 machines" in text
    assert "0 rows passed, 1 failed, 1 were not booted" in text


def test_a_ci_server_gets_a_case_for_each_row(tmp_path: Path) -> None:
    write_junit(tmp_path / "report.xml", [ROW, dataclasses.replace(ROW, number=8)], {7: outcome(7, "it hung\x07")})
    suite = ElementTree.parse(tmp_path / "report.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert suite[0].get("name") == "row 7: uefi q35 max 1G nvme std 2 small"
    assert suite[0][0].get("message") == "it hung?"


def test_a_row_that_fails_is_told_with_the_words_that_boot_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = list(make_rows()[:2])
    ended = [(rows[1], outcome(2)), (rows[0], outcome(1, "triple fault"))]
    monkeypatch.setattr(matrix_table, "boot_rows", lambda *_: iter(ended))
    bench = Bench(None, Path(), {}, None, True, tmp_path)  # type: ignore[arg-type]  # no row is booted
    out = io.StringIO()
    status = matrix_table.run_matrix("hello", "digest", rows, bench, 2, None, out, io.StringIO())
    assert status == 1
    assert "row 1: triple fault\n  `scons matrix ROW=1` boots it again\n1 of 2 rows passed" in out.getvalue()
    assert "  2/2\n" in out.getvalue() and (tmp_path / "index.html").exists()
