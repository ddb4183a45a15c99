"""What the bench measures of a kernel of 45 units, with sides that only say what they were asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.benchmark.stopwatch import Taken
from tools.benchmark.units import measure_units


@dataclass
class FakeSide:
    """A side that notes what it is asked, and what main.rs ends with then."""

    directory: Path
    log: list[str]
    seconds: float

    def forget(self, store: bool = False) -> None:
        self.log.append(f"{self.directory.name} forgets{' all' if store else ''}")

    def _take(self, what: str) -> Taken:
        last = (self.directory / "src/main.rs").read_text().splitlines()[-1]
        self.log.append(f"{self.directory.name} {what} {last}")
        return Taken(self.seconds, "", self.seconds / 2)

    def build(self) -> Taken:
        return self._take("builds")

    def test(self) -> Taken:
        return self._take("tests")


def test_each_row_has_its_limit_and_each_edit_is_another(tmp_path: Path) -> None:
    log: list[str] = []
    sides = []
    for name, seconds in (("we", 1.0), ("they", 10.0)):
        (tmp_path / name / "src").mkdir(parents=True)
        (tmp_path / name / "src/main.rs").write_text("fn main() {}\n")
        sides.append(FakeSide(tmp_path / name, log, seconds))
    ours, peer = sides
    rows = measure_units(ours, peer, lambda: 0.5, lambda taken: taken.processor, 1, 1, lambda _: None)
    main, edited = "fn main() {}", "static EDITED: u32 = {};"
    assert log[:5] == ["we forgets all", f"we builds {main}", "they forgets", f"they builds {main}", "we forgets"]
    assert log[6:10] == [f"we builds {main}", f"they builds {main}"] * 2
    said = [f"{who} {what}" for what in ("builds", "tests") for who in ("we", "they", "we", "they")]
    assert log[10:] == [f"{one} {edited.format(number)}" for number, one in enumerate(said, 1)]
    assert [row.limit for row in rows] == [0.6, 0.1, 0.2, 0.15, 0.25, 1.0]
    assert [row.ratio for row in rows] == [0.1] * 5 + [None]
    assert all(row.reached for row in rows)
