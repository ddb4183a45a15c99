"""An eightieth of `scons soak`: CI runs it with one seed; the whole of it is for a person, or a night."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.build.checkouts import HOME
from tools.soaking import soak
from tools.soaking.tree import CleanTree, Graph, SoakFailure, Tree


@pytest.mark.needs("rustc", "ld.lld", "llvm-objcopy")
def test_an_eightieth_with_seed_1_of_the_kills_interrupts_pairs_and_edits_ends_in_clean_bytes(tmp_path: Path) -> None:
    said: list[str] = []
    soak.Soak(HOME, tmp_path, seed=1, share=80, say=said.append).run()
    words = [line.split()[0] for line in said if ": " in line]  # the others tell how far it was
    assert words[1:] == ["1", "1", "1"]
    assert int(words[0]) >= 2


class Made(Tree):
    """A tree whose builds are lists of what they say and the files that they leave."""

    def __init__(self, path: Path, said: str) -> None:
        super().__init__(path, {})
        self.said = said

    def build(self, *arguments: str) -> str:
        return self.said


TREE = """rustc build/debug/a b
+-image
  +-build/a.img
  | +-build/a.elf
  | | +-src/main.rs
  | | +-rustc 1.96.0
more words
  | | +-modules of bootwright: a/m b/n
  | |   +-site_scons/m.py
  | +-site_scons/m.py
  +-build/a.map
"""


def test_a_graph_predicts_what_has_a_changed_input_and_no_more(tmp_path: Path) -> None:
    for name in ("build/a.img", "build/a.elf", "build/a.map", "src/main.rs", "site_scons/m.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    graph = Graph(Made(tmp_path, TREE))
    assert graph.inputs() == ["build/a.map", "site_scons/m.py", "src/main.rs"]
    before = graph.digests()
    (tmp_path / "src/main.rs").write_text("edited")
    edited = graph.digests()
    assert graph.predicted(before, edited) == {"build/a.elf"}
    (tmp_path / "site_scons/m.py").write_text("edited")
    assert graph.predicted(edited, graph.digests()) == {"build/a.elf", "build/a.img"}
    assert graph.executed("rustc    build/a.elf build/a.map\nimage    build/a.img\n") == {"build/a.elf", "build/a.img"}


def test_an_edit_is_one_byte_with_the_files_times_and_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"text")
    before = path.stat()
    tree = Tree(tmp_path, {})
    tree.set_edits(["f"])
    assert path.read_bytes() == b"\ntext"
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    tree.set_edits(["f"])
    assert path.read_bytes() == b"\ntext"
    tree.set_edits([])
    assert path.read_bytes() == b"text"


def test_a_soak_says_once_a_minute_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    paced = soak.Soak.__new__(soak.Soak)
    paced.say, paced._began, paced._spoke = said.append, 0.0, 0.0
    for trial in range(1, 8):
        monkeypatch.setattr(time, "monotonic", lambda now=25.0 * trial: now)
        paced._go_on(f"pair {trial} of 7")
    assert said == ["pair 3 of 7, after 1 min", "pair 6 of 7, after 2 min"]


@pytest.mark.parametrize("wrong", ["changed", "missing", "planted"])
def test_outputs_that_differ_from_a_clean_builds_end_the_soak(tmp_path: Path, wrong: str) -> None:
    class Stub(soak.Soak):
        def __init__(self) -> None:
            self.tree = Tree(tmp_path / "tree", {})
            self.clean = CleanTree(tmp_path / "clean", {})

    for tree in ("tree", "clean"):
        for name in ("a", "b"):
            path = tmp_path / tree / "build/debug" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
    place = tmp_path / "tree/build/debug"
    if wrong == "missing":
        (place / "b").unlink()
    else:
        (place / ("b" if wrong == "changed" else "c")).write_text("x")
    with pytest.raises(SoakFailure, match=r"what a clean build makes: debug/[bc]"):
        stub = Stub()
        stub.compare(stub.tree, "a trial", stub.clean.outputs())
