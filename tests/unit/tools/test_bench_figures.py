"""The bench's arithmetic, its table and its plot."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from tools.benchmark.figures import Of, Row, median, show_figure
from tools.benchmark.plot import LIMIT, write_plot
from tools.benchmark.report import write_table

SVG = "{http://www.w3.org/2000/svg}"
NULL = Row("null build", "s", (0.2, 0.15, 0.3), (0.6, 0.5, 0.9), 0.5)
ENTRY = Row("0x7C00 to the kernel's entry", "M", (0.12,), (0.77,), 0.2, Of.OURS)
SLOW = Row("edit <to> image", "s", (2.0,), (1.0,), 0.4)
NODES = Row("a node", "ms", (0.3, 0.2), (), 0.5, Of.OURS)
SIZE = Row("image", "MiB", (3.0,), (0.18,))
LANES = Row("20 tests", "s", (1.0, 2.0), (4.0, 5.0), 1 / 3, against="image")


def test_the_least_of_the_figures_makes_the_ratio() -> None:
    assert (NULL.our_best, NULL.peer_best) == (0.15, 0.5)
    assert NULL.ratio == pytest.approx(0.3)
    assert median(NULL.ours) == 0.2


@pytest.mark.parametrize(
    ("row", "reached"), [(NULL, True), (SLOW, False), (ENTRY, True), (NODES, True), (SIZE, None)], ids=lambda v: str(v)
)
def test_a_limit_holds_for_the_ratio_or_for_our_own_figure(row: Row, reached: bool | None) -> None:
    assert row.reached is reached


def test_a_limit_that_is_just_met_is_reached_and_one_that_is_not_is_missed() -> None:
    assert Row("x", "s", (0.5,), (1.0,), 0.5).reached is True
    assert Row("x", "s", (0.51,), (1.0,), 0.5).reached is False
    assert Row("x", "s", (0.51,), (), 0.5, Of.OURS).reached is False
    assert Row("x", "s", (0.51,), (), 0.5).reached is None


def test_a_peer_that_takes_nothing_makes_no_ratio() -> None:
    assert Row("x", "s", (1.0,), (0.0,)).ratio is None
    assert Row("x", "s", (1.0,)).ratio is None


@pytest.mark.parametrize(
    ("figure", "text"),
    [(0.0711, "0.0711 s"), (1.234, "1.23 s"), (39.31, "39.3 s"), (32983.0, "32,983 s"), (None, "-")],
)
def test_figures_have_three_digits(figure: float | None, text: str) -> None:
    assert show_figure(figure, "s") == text


def test_the_table_has_a_line_for_each_row_with_its_verdict() -> None:
    lines = write_table([NULL, ENTRY, SLOW, NODES, SIZE], {"builder": "2 processors"}).splitlines()
    assert "- builder: 2 processors" in lines
    assert "| null build | 0.15 s | 0.5 s | 0.3 | 0.5 | yes |" in lines
    assert "| 0x7C00 to the kernel's entry | 0.12 M | 0.77 M | 0.156 | 0.2 M | yes |" in lines
    assert "| edit <to> image | 2 s | 1 s | 2 | 0.4 | no |" in lines
    assert "| a node | 0.2 ms | - | - | 0.5 ms | yes |" in lines
    assert "| image | 3 MiB | 0.18 MiB | 16.7 |  |  |" in lines


def test_the_table_shows_every_figure_and_the_medians() -> None:
    lines = write_table([NULL, NODES], {}).splitlines()
    assert "| null build | 0.2 0.15 0.3 | 0.2 s | 0.6 0.5 0.9 | 0.6 s |" in lines
    assert "| a node | 0.3 0.2 | 0.25 ms | - | - |" in lines


def test_what_stands_in_the_peers_place_is_named_in_the_table_and_in_the_plot() -> None:
    lines = write_table([LANES], {}).splitlines()
    assert "| 20 tests | 1 s | 4 s (image) | 0.25 | 0.333 | yes |" in lines
    assert "| 20 tests | 1 2 | 1.5 s | 4 5 | 4.5 s (image) |" in lines
    assert ">20 tests / image<" in write_plot([LANES], "")


def bars(svg: str) -> list[dict[str, str]]:
    """Returns the plot's bars; the first rectangle is the ground."""
    return [rect.attrib for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect")][1:]


def lines(svg: str, colour: str, width: str) -> list[dict[str, str]]:
    found = [line.attrib for line in ElementTree.fromstring(svg).iter(f"{SVG}line")]
    return [line for line in found if line["stroke"] == colour and line["stroke-width"] == width]


def test_the_plot_has_a_bar_for_each_row_with_a_ratio_and_its_name() -> None:
    svg = write_plot([NULL, SLOW, NODES], "a & b")
    texts = [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert len(bars(svg)) == 2
    assert {"a & b", "null build", "edit <to> image", "0.3", "2"} <= set(texts)
    assert "a node" not in texts


def test_a_bar_ends_at_one_on_the_side_of_who_is_better_and_its_length_is_the_logarithm() -> None:
    tenth, hundredth, double = bars(
        write_plot([Row(n, "s", (f,), (1.0,)) for n, f in (("a", 0.1), ("b", 0.01), ("c", 2.0))], "")
    )
    one = float(tenth["x"]) + float(tenth["width"])
    assert float(hundredth["x"]) + float(hundredth["width"]) == pytest.approx(one, abs=0.2)
    assert float(double["x"]) == pytest.approx(one, abs=0.2)
    assert float(hundredth["width"]) == pytest.approx(2 * float(tenth["width"]), abs=0.2)
    assert tenth["fill"] != double["fill"]


def test_a_limit_of_a_ratio_is_marked_at_its_place_and_one_of_our_own_is_not() -> None:
    svg = write_plot([Row("a", "s", (0.1,), (1.0,), 0.1), ENTRY], "")
    (mark,) = lines(svg, LIMIT, "2")
    assert float(mark["x1"]) == pytest.approx(float(bars(svg)[0]["x"]), abs=0.2)


def test_everything_lies_inside_the_plot() -> None:
    svg = write_plot([Row("a", "s", (0.0004,), (1.0,), 0.001), Row("b", "MiB", (33.0,), (1.0,))], "")
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for bar in bars(svg):
        assert float(bar["x"]) >= 0 and float(bar["x"]) + float(bar["width"]) <= width - 60
    for y in re.findall(r' y\d?="([\d.]+)"', svg):
        assert 0 <= float(y) <= height


def test_a_plot_of_nothing_is_still_a_picture() -> None:
    assert bars(write_plot([NODES], "")) == []
