"""Running rustc: its diagnostics as they come, and an audit of what it read."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootwright.base.children import ends_with_us
from bootwright.base.errors import BootwrightError

JSON_FLAGS = ("--error-format=json", "--json=diagnostic-rendered-ansi")
SHARED_LIBRARY = re.compile(r"\.so(\.[\d.]+)?$")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
LINKING = re.compile(r"linking with `|linker `[^`]*` not found|could not exec the linker")

# The linker's command comes as a note of its own, and holds names that no linker complained about.
COMMAND_LINE = re.compile(r'\s*(?:\w+="[^"]*" )*"')


@dataclass(frozen=True)
class Diagnostic:
    """One error: rustc's code for it ("" where it has none), its message and its notes; a linker's words are a note."""

    code: str
    message: str
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All that was said, but for the linker's command."""
        return "\n".join([self.message, *(note for note in self.notes if not COMMAND_LINE.match(note))])


@dataclass
class Outcome:
    """How rustc ended: its status, its errors, its warnings as text with colours, and what was no diagnostic."""

    status: int
    errors: list[Diagnostic] = field(default_factory=list)
    plain: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def said(self) -> list[Diagnostic]:
        """All that may say why it failed; what rustc says of its arguments comes as plain text."""
        return [*self.errors, *([Diagnostic("", self.plain)] if self.plain else [])]

    @property
    def is_crash(self) -> bool:
        """Says whether rustc ended by an internal error (status 101) or a signal (below 0); errors end it with 1."""
        return self.status not in {0, 1}

    @property
    def is_about_sources(self) -> bool:
        """Says whether rustc refused a source: it may have been ended as well, or have had nothing to link with."""
        return any(not LINKING.match(error.message) for error in self.errors)


def run_rustc(
    argv: Sequence[str], cwd: Path, environment: Mapping[str, str], show: Callable[[str], None], colour: bool,
    lock: int | None = None,
) -> Outcome:  # fmt: skip
    """Runs rustc and hands each diagnostic, whole, to show (argv holds JSON_FLAGS); raises if it cannot be started.

    lock is an open file that rustc and its linker hold open, too.
    """
    outcome = Outcome(0)
    try:
        process = subprocess.Popen(
            argv, cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", pass_fds=() if lock is None else (lock,),
        )  # fmt: skip
    except ValueError as error:  # no argument and no variable of a program can hold a NUL
        raise BootwrightError(f"{argv[0]} cannot be run: {error}") from error
    except OSError as error:
        raise BootwrightError(f"{argv[0]} cannot be run: {error.strerror}") from error
    assert process.stdout is not None
    with process, ends_with_us(process):
        for line in process.stdout:
            text = read_diagnostic(line, outcome)
            if text:
                show(text if colour else ANSI.sub("", text))
    outcome.status = process.returncode
    return outcome


def _read_message(line: str) -> dict[str, Any] | None:
    """Returns one message of rustc's; None for a line that is none: what a procedural macro prints comes in between."""
    if not line.startswith('{"'):
        return None
    try:
        return dict(json.loads(line))
    except (ValueError, RecursionError):
        return None


def read_diagnostic(line: str, outcome: Outcome) -> str:
    """Returns what of one output line of rustc is for the person, and keeps errors."""
    message = _read_message(line)
    if message is None:
        outcome.plain += line
        return line
    if "rendered" not in message:
        return ""
    words = str(message.get("message", ""))
    if message.get("level") == "error" and not words.startswith("aborting due to"):  # which only counts the others
        code = (message.get("code") or {}).get("code", "")
        notes = tuple(child.get("message", "") for child in message.get("children", ()))
        outcome.errors.append(Diagnostic(code, words, notes))
    rendered = str(message["rendered"] or "")
    if message.get("level") == "warning":
        outcome.warnings.append(rendered)
    return rendered


def compile_error(outcome: Outcome, crate: str, command: str = "") -> BootwrightError:
    """Returns the sentence for a run of rustc that failed; the command to paste is for who asked for it."""
    count = len(outcome.errors)
    if count and all(LINKING.match(error.message) for error in outcome.errors):
        sentence = f"{crate} does not link"
    elif count:
        sentence = f"{crate} does not compile: {count} error{'s' if count != 1 else ''}"
    else:
        sentence = f"{crate} does not compile: rustc ended with status {outcome.status}"
    return BootwrightError(sentence, command and f"the command was: {command}")


@dataclass(frozen=True)
class DepInfo:
    """What rustc read: files (relative to its working directory or absolute) and variables by env!()."""

    files: tuple[str, ...]
    variables: tuple[str, ...]


def read_dep_info(text: str) -> DepInfo:
    """Reads the Makefile that --emit=dep-info writes; a blank in a name is written as '\\ '."""
    files: dict[str, None] = {}
    variables: dict[str, None] = {}
    for line in text.splitlines():
        if line.startswith("# env-dep:"):
            variables[line.removeprefix("# env-dep:").partition("=")[0]] = None
        elif line.endswith(":") and not line.startswith("#"):
            # Each file that was read has a rule of its own without prerequisites.
            files[line[:-1].replace("\\ ", " ")] = None
    return DepInfo(tuple(files), tuple(variables))


def read_linker_dependencies(text: str) -> tuple[str, ...]:
    """Reads the Makefile that --dependency-file writes: the prerequisites of its first rule, of which each has a line.

    lld writes blank, # and $ in a name as make wants them, GNU ld as they are.
    """
    names = []
    lines = text.splitlines()
    for line, before in zip(lines[1:], lines, strict=False):
        if not before.endswith("\\"):
            break
        name = line.removesuffix("\\").strip()
        names.append(re.sub(r"\\([ #])|\$(\$)", lambda found: found[1] or found[2], name))
    return tuple(name for name in names if name)


RCGU = ".rcgu.o"
OF_CHANCE = re.compile(r"\.[0-9a-z]{25}(\.[0-9a-z]{7})")
SCRATCH_OF_RUSTC = re.compile(r"rustc(?<!\wrustc)\w{6}/")


def normalise_map(text: str, places: Iterable[Path]) -> str:
    """Returns a linker's map without what differs between two equal builds: places, where its objects came from."""
    for place in places:
        text = text.replace(f"{place}{os.sep}", "")
    # An object of an incremental compilation has a word of chance in its name. A map is long, and re is slow where a
    # pattern does not begin with letters: so what may match is found by the letters behind it.
    *objects, rest = text.split(RCGU)
    text = RCGU.join([*(part[:-8] if OF_CHANCE.fullmatch(part[-34:]) else part for part in objects), rest])
    return SCRATCH_OF_RUSTC.sub("", text)
