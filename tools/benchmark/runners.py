"""What cargo's runners take before a machine starts: `bootwright runner` and `bootimage runner`, for the same program.

A program that says so stands for the machine, by the key run-command, which both obey. A program that cargo has just
built, or the next one of several tests, is new to a runner: bootimage's links it into its loader then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from tools.benchmark.figures import Row
from tools.benchmark.peer import CargoBootimage
from tools.benchmark.stopwatch import Taken, take

STARTED = "the machine starts"
LIMIT = 0.2
Tell = Callable[[str], None]


class Runners:
    """Both runners, for the program that the peer has built; home is the checkout."""

    def __init__(self, home: Path, peer: CargoBootimage) -> None:
        self._home = home
        self._peer = peer
        self._numbers = count(1)

    def set_up(self) -> None:
        """Has the peer build the kernel, with a run-command that says that it was started."""
        machine = self._peer.place / "machine"
        machine.write_text(f"#!/bin/sh\necho {STARTED}\n", encoding="utf-8")
        machine.chmod(0o755)
        with (self._peer.package.directory / "Cargo.toml").open("a", encoding="utf-8") as manifest:
            manifest.write(f'\n[package.metadata.bootimage]\nrun-command = ["{machine}", "{{}}"]\n')
        self._peer.build()

    def change(self) -> None:
        """Makes the program another one, by a byte behind its end."""
        with self._peer.elf.open("ab") as program:
            program.write(str(next(self._numbers)).encode())

    def ours(self) -> Taken:
        """Runs `bootwright runner` until the machine starts."""
        environment = {**os.environ, "PYTHONPATH": str(self._home / "site_scons")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled
        return self._run([sys.executable, "-m", "bootwright.cli.program", "runner", str(self._peer.elf)], environment)

    def peers(self) -> Taken:
        """Runs `bootimage runner` until the machine starts."""
        return self._run([str(self._peer.place / "bin" / "bootimage"), "runner", str(self._peer.elf)], {})

    def _run(self, argv: list[str], more: dict[str, str]) -> Taken:
        directory = self._peer.package.directory
        variables = {**self._peer.environment(), "CARGO_NET_OFFLINE": "true", **more}
        return take(argv, directory, {**variables, "CARGO_MANIFEST_DIR": str(directory)}, STARTED)


def measure_runners(runners: Runners, figure: Callable[[Taken], float], times: int, tell: Tell) -> Iterator[Row]:
    """Measures both, for a program that they have not seen, and for one that they have."""
    tell(f"cargo's runners, {times} times")
    runners.set_up()
    runners.ours()
    for name, new in (("runner, a program just built", True), ("runner, the same program again", False)):
        pairs = []
        for _ in range(times):
            if new:
                runners.change()
            pairs.append((figure(runners.ours()), figure(runners.peers())))
        ours, peers = zip(*pairs, strict=True)
        yield Row(name, "s", ours, peers, LIMIT)
