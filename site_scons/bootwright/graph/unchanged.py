"""A build that has nothing to do, answered before the graph is made.

One that did nothing and said nothing has remembered all that it looked at (base/seen.py). Where the same command, in
the same environment, finds all of that as it was, SCons would find nothing to do either. What is to be done where
something is another one SCons alone says, by contents. Windows knows no time that cannot be set back: there nothing
is remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import SCons
import SCons.SConsign
import SCons.Warnings
from SCons.Script import COMMAND_LINE_TARGETS, Main
from SCons.Util import DisplayEngine

from bootwright.base import loaded
from bootwright.base.filelock import try_lock
from bootwright.base.remembered import Memory
from bootwright.base.seen import Seen, is_as_seen
from bootwright.setup.verbs import BY_WORD
from bootwright.storage.builddir import SIGNATURES

PLACE = "unchanged"  # in the build directory
FORMAT = "unchanged 1"
SWITCHES = r"-Q|-j\d*|-C.*"  # with which a build that has nothing to do says and does what it does without them


class _Display(DisplayEngine):
    """Displays what SCons says of a build, and keeps it."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str, append_newline: int = 1) -> None:
        self.texts.append(text)
        super().__call__(text, append_newline)


class _Watch:
    """One build that is watched, to be answered the next time."""

    def __init__(self, memory: Path, question: str) -> None:
        self.memory, self.question = memory, question
        self.seen = Seen(memory.with_name("clock"))
        self.warned = False
        self.seen.start()
        for path, stamp in loaded.noted().items():  # before that
            self.seen.add(path, stamp)
        self.display = Main.display = _Display()
        warn = SCons.Warnings._warningOut

        def hear(warning: Any) -> None:
            self.warned = True
            warn(warning)

        SCons.Warnings._warningOut = hear


_watch: _Watch | None = None


def answer(build: Path, launch: str, variables: Mapping[str, str]) -> bool:
    """Says whether this command has nothing to do in the build directory, and if so what SCons would say of it.

    variables are those of the command line and of the kernel's files, which were read before anything is watched. Else
    the command is watched, unless it is one that can never be answered so.
    """
    global _watch
    question = _question(launch, variables)
    if question is None or not (build / SIGNATURES).is_file():  # no build ended there, or it is not for builds
        return False
    memory = build / PLACE / "last.json"
    displayed = _known(memory, question)
    if displayed is not None and _is_free(build / "lock"):
        Main.progress_display("scons: done reading SConscript files.")
        Main.progress_display("scons: Building targets ...")
        for line in displayed:
            Main.display(line)
        Main.progress_display("scons: done building targets.")
        return True
    try:
        memory.parent.mkdir(exist_ok=True)
        _watch = _Watch(memory, question)
    except OSError:
        return False  # a build directory that cannot be written is told of by who takes it
    return False


def _known(memory: Path, question: str) -> list[str] | None:
    """Returns what SCons displayed the last time, if all that it looked at then is as it was; else None."""
    try:
        known = Memory(memory, FORMAT).answer(question)
        return list(map(str, known["displayed"])) if is_as_seen(known["facts"]) else None
    except (KeyError, TypeError, AttributeError):  # nothing is known, or somebody else wrote it
        return None


def forget() -> None:
    """Watches no more: something is to be done."""
    global _watch
    if _watch is not None:
        _watch.seen.stop()
        _watch = None


def remember(quiet: bool) -> None:
    """Remembers this build, which did nothing, to be answered; quiet: it told nothing. Called at its end."""
    if _watch is None:
        return
    watch, seen = _watch, _watch.seen
    seen.stop()
    if not quiet or watch.warned or seen.started_others or BY_WORD.keys() & {*COMMAND_LINE_TARGETS}:
        return
    facts = seen.facts()
    if facts is None:
        return
    memory = Memory(watch.memory, FORMAT, 1)
    memory.keep(watch.question, "", {"facts": facts, "displayed": watch.display.texts})
    memory.write()


def _question(launch: str, variables: Mapping[str, str]) -> str | None:
    """Returns what stands for the command and all around it that may be another one; None where it is no plain one."""
    words = sys.argv[1:]
    if os.name != "posix" or "SCONSFLAGS" in os.environ:
        return None
    switches = [word for word, before in zip(words, ["", *words], strict=False) if before != "-C" and word[:1] == "-"]
    if not all(re.fullmatch(SWITCHES, switch) for switch in switches):
        return None
    programs = [sys.executable, sys.version, SCons.__version__]
    facts = [
        words,
        sorted(variables.items()),
        str(Path.cwd()),
        launch,
        sorted(os.environ.items()),
        programs,
        os.geteuid(),
        os.getegid(),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _is_free(lock: Path) -> bool:
    """Says whether no other build has the directory."""
    try:
        with lock.open("r+b") as stream:
            return try_lock(stream.fileno())
    except OSError:
        return False
