"""Running rustc: its diagnostics as they come, and an audit of what it read."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bootwright.errors import BootwrightError
from bootwright.procs import pasteable

JSON_FLAGS = ("--error-format=json", "--json=diagnostic-rendered-ansi")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
FEATURE_ON_STABLE = "E0554"
UNDEFINED = re.compile(r"environment variable `(\w+)` not defined at compile time")
UNRESOLVED = ("E0432", "E0433", "E0463")  # an import, a path, a crate


@dataclass
class Outcome:
    """How a run of rustc ended: its status, its errors as (code, message), and how many of them have a place."""

    status: int
    said: list[tuple[str, str]] = field(default_factory=list)
    errors: int = 0


def run_rustc(
    argv: Sequence[str], cwd: Path, environment: Mapping[str, str], show: Callable[[str], None], colour: bool
) -> Outcome:
    """Runs rustc and hands each diagnostic, whole, to show (argv holds JSON_FLAGS); raises if it cannot be started."""
    outcome = Outcome(0)
    try:
        process = subprocess.Popen(
            argv, cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise BootwrightError(f"{argv[0]} cannot be run: {error.strerror}") from error
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            text = _read_diagnostic(line, outcome)
            if text:
                show(text if colour else ANSI.sub("", text))
    outcome.status = process.returncode
    return outcome


def _read_diagnostic(line: str, outcome: Outcome) -> str:
    """Returns what of one output line of rustc is for the person, and counts errors."""
    if not line.startswith("{"):
        return line
    message = json.loads(line)
    if "rendered" not in message:
        return ""
    if message.get("level") == "error" and message.get("spans"):
        outcome.errors += 1
    code = (message.get("code") or {}).get("code", "")
    if message.get("level") == "error" and (code or UNDEFINED.match(message.get("message", ""))):
        outcome.said.append((code, message.get("message", "")))
    return str(message["rendered"] or "")


def compile_error(
    outcome: Outcome, crate: str, argv: Sequence[str], cwd: Path, absent: Collection[str] = ()
) -> BootwrightError:
    """Returns the sentence for a run of rustc that failed, with the command to paste.

    absent holds the crates that the manifest depends on and that are not compiled: their code is not there.
    """
    count = f"{outcome.errors} error{'s' if outcome.errors != 1 else ''}"
    sentence = f"{crate} does not compile: {count if outcome.errors else f'rustc ended with status {outcome.status}'}"
    hints = [f"the command was: (cd {pasteable([str(cwd)])} && {pasteable(argv)})"]
    if any(code == FEATURE_ON_STABLE for code, _ in outcome.said):
        hints.insert(0, "#![feature] needs a nightly compiler (rustup override set nightly), or UNSTABLE=1, which sets "
                     "RUSTC_BOOTSTRAP=1 for this kernel")  # fmt: skip
    undefined = [match[1] for _, text in outcome.said if (match := UNDEFINED.match(text))]
    if undefined:
        hints.insert(0, "a variable reaches env!() where Cargo.toml names it and the shell has it:\n    "
                     f"[package.metadata.bootwright]\n    env = {json.dumps(undefined)}")  # fmt: skip
    for name in absent:
        if any(code in UNRESOLVED and f"`{name}`" in text for code, text in outcome.said):
            sentence = (
                f"{cwd / 'Cargo.toml'}: dependencies.{name} is taken to be our loader, and {crate} uses code of that "
                "crate: Cargo packages are not built yet"
            )
    return BootwrightError(sentence, "\n  ".join(hints))


def files_in_flags(flags: Iterable[str], cwd: Path) -> list[Path]:
    """Returns the files that flags name, relative to cwd: @FILE, --extern NAME=FILE, -C linker=FILE and the like.

    rustc names some of them nowhere among what it read.
    """
    parts = {part for word in flags for part in re.split("[=@]", word) if part}
    return sorted(path for path in (cwd / part for part in parts) if path.is_file())


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


def check_reads(
    scratch: Path, cwd: Path, declared: Collection[Path], toolchain_roots: Iterable[Path], variables: Collection[str]
) -> None:
    """Raises, with the lines to paste, if rustc or lld read what the graph does not know.

    scratch holds crate.d (rustc's dep-info) and, after a link, link.d (lld's dependency file); cwd is the directory
    that both ran in, declared the absolute paths of the known inputs, variables the known names for env!().
    """
    info = read_dep_info((scratch / "crate.d").read_text(encoding="utf-8"))
    names = list(info.files)
    link = scratch / "link.d"
    if link.exists():
        names += read_linker_dependencies(link.read_text(encoding="utf-8"))
    known = {os.path.normpath(path) for path in declared}
    roots = tuple(f"{os.path.normpath(root)}{os.sep}" for root in (scratch, *toolchain_roots))
    paths = {os.path.normpath(cwd / name) for name in names}
    unknown = sorted(os.path.relpath(p, cwd).replace(os.sep, "/") for p in paths - known if not p.startswith(roots))
    if unknown:
        raise BootwrightError(
            f"{cwd / 'Cargo.toml'} does not name {', '.join(unknown)}, which the compiler read: changes go unseen",
            f"add to Cargo.toml:\n    [package.metadata.bootwright]\n    inputs = {json.dumps(unknown)}",
        )
    undeclared = sorted(set(info.variables) - set(variables))
    if undeclared:
        raise BootwrightError(
            f"{cwd / 'Cargo.toml'} does not name the environment variable {', '.join(undeclared)}, which env!() read",
            f"add to Cargo.toml:\n    [package.metadata.bootwright]\n    env = {json.dumps(undeclared)}",
        )


def read_linker_dependencies(text: str) -> tuple[str, ...]:
    """Reads the Makefile that --dependency-file writes: the prerequisites of its first rule, of which each has a line.

    A blank in a name is written as '\\ ' by lld, and as it is by GNU ld.
    """
    names = []
    lines = text.splitlines()
    for line, before in zip(lines[1:], lines, strict=False):
        if not before.endswith("\\"):
            break
        names.append(line.removesuffix("\\").strip().replace("\\ ", " "))
    return tuple(name for name in names if name)


def normalise_map(text: str, places: Iterable[Path]) -> str:
    """Returns a linker's map without what differs between two equal builds: places, where its objects came from."""
    for place in places:
        text = text.replace(f"{place}{os.sep}", "")
    return re.sub(r"\brustc\w{6}/", "", text)
