"""`scons soak`: builds that are killed, interrupted, run in pairs, and whose every input is edited by one byte.

Each trial ends in a build whose outputs must equal those of a clean one byte for byte. All happens in copies of this
checkout with a store of their own. What a seed chooses is the same each time; where in a build a signal lands is not.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.soaking.tree import CleanTree, Graph, SoakFailure, Tree, copy_checkout, private_store

from bootwright.base.errors import BootwrightError

HOME = Path(__file__).resolve().parents[2]
KILLS, INTERRUPTS, PAIRS = 100, 50, 20
CORE_EVERY = 33  # so many kills have one that hits core while it is compiled
# What trials edit: a byte before the first of each file. The store's loader, the kernel's two crates, a module of ours.
EDITED = (
    "kernel/src/main.rs", "kernel/src/vga.rs", "bootloader/bios/src/main.rs", "site_scons/bootwright/image/gpt.py",
    "kernel/Cargo.toml",
)  # fmt: skip
SILENCE = 60.0  # seconds without a word, at most, while trials go on
STOP = {signal.SIGKILL: "SIGKILL", signal.SIGINT: "SIGINT"} if sys.platform != "win32" else {}


class Soak:
    """One soak: share is what part of each kind of trial is run (10: a tenth); say hears a line for each kind."""

    def __init__(self, home: Path, scratch: Path, seed: int, share: int, say: Callable[[str], None]) -> None:
        self.random = random.Random(seed)
        self.share = share
        self.say = say
        self._began = self._spoke = time.monotonic()
        self.tree = Tree(copy_checkout(home, scratch / "tree"), dict(os.environ))
        self.tree.build()  # in the person's own store, so that core is not compiled for each soak
        stores = [private_store(scratch / name, self.tree.cores()) for name in ("store", "clean store")]
        self.store = scratch / "store" / "bootwright"
        self.tree.environment = stores[0]
        self.tree.remove_build()
        self.other = Tree(copy_checkout(home, scratch / "other"), stores[0])
        self.clean = CleanTree(copy_checkout(home, scratch / "clean"), stores[1])
        self.durations: list[float] = []  # of the builds so far, in seconds; signals come within about one of these

    def run(self) -> None:
        """Runs every kind of trial; raises SoakFailure at the first that does not end in the bytes of a clean build."""
        self.build(self.tree, "the first build")
        self.edits()
        self.signals(signal.SIGKILL, self._count(KILLS))
        self.signals(signal.SIGINT, self._count(INTERRUPTS))
        self.pairs(self._count(PAIRS))

    def build(self, tree: Tree, what: str) -> str:
        """Builds tree to the end and compares it with a clean build of the same sources; returns what scons said."""
        with ThreadPoolExecutor(1) as beside:  # the clean build takes as long, and a processor of its own
            clean = beside.submit(self.clean.outputs_of, tree)
            began = time.monotonic()
            said = tree.build()
            self.durations.append(time.monotonic() - began)
            self.compare(tree, what, clean.result())
        return said

    def compare(self, tree: Tree, what: str, expected: dict[str, str]) -> None:
        """Raises unless tree's outputs are the expected ones of a clean build, and all that its manifest names."""
        found = tree.outputs()
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        if wrong:
            raise SoakFailure(f"after {what} these are not what a clean build makes: {', '.join(wrong)}")
        differing = tree.differences()
        if differing:
            raise SoakFailure(f"after {what} the manifest does not agree: {'; '.join(differing)}")

    def edits(self) -> None:
        """Edits tracked inputs by one byte each, times restored: just the predicted actions run."""
        graph = Graph(self.tree)
        inputs = graph.inputs()
        chosen = self.random.sample(inputs, -(-len(inputs) // self.share))
        executed, before = 0, graph.digests()
        for number, name in enumerate(sorted(chosen)):
            self._go_on(f"{number} of {len(chosen)} edits")
            self.tree.set_edits([name])
            made = graph.executed(self.build(self.tree, f"an edit of {name}"))
            after = graph.digests()
            predicted = graph.predicted(before, after)  # the edit before is undone by this build
            if made != predicted:
                more, less = sorted(made - predicted), sorted(predicted - made)
                raise SoakFailure(f"an edit of {name} made {more}, of which no input changed, and not {less}")
            executed, before = executed + len(made), after
        self.tree.set_edits([])
        self.build(self.tree, "the last edit was undone")
        self.say(f"{len(chosen)} of {len(inputs)} inputs edited by one byte: {executed} outputs made, all predicted")

    def signals(self, number: signal.Signals, count: int) -> None:
        """Stops count builds at random moments, each of them followed by one that must be right."""
        inside = 0
        for trial in range(1, count + 1):
            what = f"{STOP[number]} {trial} of {count}"
            self._go_on(what)
            core = number == signal.SIGKILL and trial % CORE_EVERY == 0
            while not self._stop(number, what, core):
                pass  # it was over before the signal came
            inside += self.tree.in_action
            edited = self.random.choice([[], self.tree.edits, [self.random.choice(EDITED)]])  # undone, kept, another
            self.tree.set_edits(edited)
            self.build(self.tree, what)
        self.say(f"{count} builds ended by {STOP[number]}, {inside} of them within an action: each next one was right")

    def _stop(self, number: signal.Signals, what: str, core: bool) -> bool:
        """Starts a build of some edit and stops it at a random moment; False if it was over before."""
        self.tree.set_edits(self.random.sample(EDITED, self.random.choice((1, 1, 2))))
        if core:
            self._forget("sysroot")
        elif self.random.random() < 0.5:
            self._forget("loader")
        longest = 20.0 if core else 1.2 * statistics.median(self.durations)
        return self.tree.stop(number, self.random.uniform(0, longest), self.random.random() < 0.5, what)

    def pairs(self, count: int) -> None:
        """Runs two builds at once: of one tree, or of two that share a store which lacks their loader."""
        for trial in range(1, count + 1):
            self._go_on(f"pair {trial} of {count}")
            edits = self.random.sample(EDITED, 1)
            trees = [self.tree, self.tree if trial % 2 else self.other]
            self._forget("loader")
            started = []
            for tree in trees:
                tree.set_edits(edits)
                started.append(tree.start())
                time.sleep(self.random.uniform(0, 0.5))
            for tree, process in zip(trees, started, strict=True):
                tree.finish(process, f"pair {trial} of {count}")
            for tree in trees:
                self.compare(tree, f"pair {trial} of {count}", self.clean.outputs_of(tree))
        self.say(f"{count} pairs of builds at once: all were right")

    def _forget(self, kind: str) -> None:
        shutil.rmtree(self.store / kind, ignore_errors=True)

    def _go_on(self, trial: str) -> None:
        """Says how far it is, once a minute."""
        now = time.monotonic()
        if now - self._spoke >= SILENCE:
            self._spoke = now
            self.say(f"{trial}, after {(now - self._began) / 60:.0f} min")

    def _count(self, whole: int) -> int:
        return max(1, whole // self.share)


def run(home: Path, seed: int, share: int, say: Callable[[str], None]) -> int:
    """Runs a soak in a scratch directory, which stays if something is wrong; returns the exit status."""
    if not STOP:
        raise BootwrightError("soak needs a system with signals: Linux or macOS")
    scratch = Path(tempfile.mkdtemp(prefix="bootwright-soak-"))
    part = "all" if share == 1 else f"1/{share}"
    say(
        f"seed {seed}, {part} of {KILLS} SIGKILLs, {INTERRUPTS} SIGINTs, {PAIRS} pairs of builds, an edit of each input"
    )
    try:
        Soak(home, scratch, seed, share, say).run()
    except SoakFailure as failure:
        say(f"{failure}; the trees are in {scratch}; to repeat it: tools/soak --seed={seed} --share={share}")
        return 1
    shutil.rmtree(scratch, ignore_errors=True)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs tools/soak."""
    parser = argparse.ArgumentParser(prog="tools/soak", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="what the trials are")
    parser.add_argument("--share", type=int, default=1, metavar="N", help="run one Nth of the trials")
    options = parser.parse_args(arguments)
    try:
        return run(HOME, options.seed, options.share, lambda line: print(f"soak: {line}", flush=True))
    except BootwrightError as error:
        print(f"bootwright: {error}", file=sys.stderr)
        return error.status
