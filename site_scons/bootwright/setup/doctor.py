"""`scons doctor`: what this machine has for the build, what it lacks, what each thing is for, and what cures it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bootwright import __version__
from bootwright.base import procs
from bootwright.base.errors import BootwrightError, Lacks, Status
from bootwright.base.home import HOME, INSTALLED, PACKAGE
from bootwright.base.procs import attempt
from bootwright.base.sizes import size_text
from bootwright.cargo.sources import mentions
from bootwright.machine.accelerator import choose_accelerator
from bootwright.machine.boards import BOARDS
from bootwright.machine.qemu import OLDEST_QEMU
from bootwright.rust.rustup import OFFLINE, find_rustup, nearest_toolchain_file, rustup_home
from bootwright.rust.toolchain import Toolchain
from bootwright.rust.toolchain_file import read_toolchain_file
from bootwright.setup import apt, cures, lookup, needs, private_programs, stamp, verbs
from bootwright.setup import packagers as host_system
from bootwright.setup import venv as dotvenv
from bootwright.setup.abilities import ESSENTIAL, Ability, find_abilities, needed_for
from bootwright.setup.doctor_lines import PRIVATE, show
from bootwright.setup.lookup import Search
from bootwright.setup.programs import PROGRAMS, System


@dataclass(frozen=True)
class Finding:
    """One program: where it is (None: missing), its version, what needs it, and the cure for a missing one.

    needed says that the kernel could not be built or run without it. origin says who brought it: the system, rustup, or
    sconsw for this person alone (private); empty for a missing one.
    """

    name: str
    path: str | None
    version: str
    purpose: str
    verbs: str
    needed: bool
    problem: str = ""
    cure: str = ""
    origin: str = ""

    @property
    def state(self) -> str:
        """One word: found, missing, or none for what is not here and is not needed to build and to run."""
        return "found" if not self.problem else "missing" if self.needed else "none"


@dataclass(frozen=True)
class Report:
    """All that the doctor says: the programs, facts as name -> sentence, and what can be done with them."""

    findings: tuple[Finding, ...]
    facts: Mapping[str, str]
    abilities: tuple[Ability, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the kernel can be built and run here."""
        return not any(ability.lacks for ability in self.abilities if ability.name in ESSENTIAL)

    def as_json(self) -> dict[str, Any]:
        """Returns {complete, abilities: {...}, programs: [...], facts: {...}}."""
        return {
            "complete": self.is_complete,
            "abilities": {ability.name: str(ability) for ability in self.abilities},
            "programs": [asdict(finding) for finding in self.findings],
            "facts": dict(self.facts),
        }


def cure(names: Iterable[str], search: Search, environ: Mapping[str, str]) -> str:
    """Returns the command line that brings the programs to this machine, exactly as it is to be typed."""
    names = list(names)
    system = host_system.this_system(environ)
    of_rustup = lookup.of_rustup(search.toolchain)
    rustup = lookup.has_rustup(search, environ)
    packages: list[str] = []
    if system is System.APT:
        llvm = int(search.toolchain.llvm_version.split(".")[0]) if search.toolchain else None
        by_apt = [name for name in names if not (of_rustup and name in ("rustfmt", "clippy-driver"))]
        try:
            packages = apt.packages_for(apt.Archive(environ), by_apt, llvm)
        except BootwrightError as error:
            return error.hint
        rustup = of_rustup and not by_apt
    return host_system.command(names, system, packages, rustup, is_root=hasattr(os, "geteuid") and os.geteuid() == 0)


def examine(kernel_dir: Path, target: str, rustc: str | None, environ: Mapping[str, str]) -> Report:
    """Looks at everything; starts each program once for its version."""
    names = [name for name in PROGRAMS if name != verbs.WINDOW or needs.has_display(environ)]
    if INSTALLED:  # which has not bootwright's own tests
        names = [name for name in names if not set(PROGRAMS[name].verbs.split(", ")) <= {"test", "soak"}]
    search = lookup.find_programs(names, kernel_dir, environ, rustc)
    where = (str(HOME), str(kernel_dir), target)
    needed = {name for ability in ESSENTIAL for name in needed_for(ability, *where)}
    findings = tuple(_examine_program(name, search, environ, needed) for name in names)
    missing = {finding.name for finding in findings if finding.problem}
    return Report(findings, _facts(kernel_dir, target, search, environ), tuple(find_abilities(missing, *where)))


def _examine_program(name: str, search: Search, environ: Mapping[str, str], needed: Collection[str]) -> Finding:
    program = PROGRAMS[name]
    path = search.found.get(name)
    version = _version(path, environ) if path else ""
    problem = search.missing[name].message if path is None else ""
    remedy = ""
    if path and name == "qemu-system-x86_64" and _numbers(version) < OLDEST_QEMU:
        problem = f"{path} is {version}; the oldest supported is {OLDEST_QEMU[0]}.{OLDEST_QEMU[1]}"
        remedy = "upgrade the system, or name a newer one with QEMU="
    elif path is None:
        remedy = (
            _cure_of(search.final, environ)
            if search.final and name in lookup.OF_THE_TOOLCHAIN
            else cure([name], search, environ)
        )
    place = str(path) if path else None
    origin = _origin(path, environ) if path else ""
    return Finding(name, place, version, program.purpose, program.verbs, name in needed, problem, remedy, origin)


def _origin(path: Path, environ: Mapping[str, str]) -> str:
    home = rustup_home(environ)
    if private_programs.is_private(path):
        return "private"
    return "rustup" if home and path.resolve().is_relative_to(home.resolve()) else "system"


def _cure_of(error: BootwrightError, environ: Mapping[str, str]) -> str:
    return cures.for_lack(error.lack, environ) if isinstance(error, Lacks) else error.hint


def _version(path: Path, environ: Mapping[str, str]) -> str:
    """Returns the first line with a digit that the program says of itself."""
    flavour = ["-flavor", "gnu"] if path.stem == "rust-lld" else []
    try:
        run = subprocess.run(
            [str(path), *flavour, "--version"], env=dict(environ), capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = [line.strip() for line in run.stdout.splitlines() if any(c.isdigit() for c in line)]
    return lines[0].removeprefix(f"{path} ") if lines else ""


def _numbers(version: str) -> tuple[int, ...]:
    """Returns the numbers of the first word like 7.2.19 in version."""
    for word in version.replace("(", " ").split():
        parts = word.split(".")
        if len(parts) > 1 and all(part.isdigit() for part in parts[:2]):
            return tuple(int(part) for part in parts[:2])
    return (0, 0)


def _facts(kernel_dir: Path, target: str, search: Search, environ: Mapping[str, str]) -> dict[str, str]:
    chosen = search.toolchain
    is_there = kernel_dir.is_dir() or not INSTALLED  # which has no example
    facts = {"kernel": str(kernel_dir) if is_there else "none: there is no Cargo.toml here or in a directory above"}
    if target:
        facts["target"] = target
    if chosen:
        facts["host triple"] = chosen.host
        facts["toolchain"] = (
            f"rustc {chosen.release} (LLVM {chosen.llvm_version}) in {chosen.sysroot}; found by: {chosen.origin}"
        )
        for number, note in enumerate(chosen.notes, 1):
            facts[f"note {number}"] = note
        facts["channel"] = _channel(chosen.release, mentions(kernel_dir / "src", "#![feature"))
    else:
        facts.update(_host_of_any(kernel_dir, environ))
        facts["channel"] = _channel("", mentions(kernel_dir / "src", "#![feature"))
    facts.update(_toolchain_file(kernel_dir, chosen, environ))
    facts["python"] = f"{sys.version.split()[0]} ({dotvenv.base_python()})"
    if INSTALLED:
        facts["bootwright"] = f"{__version__}, installed in {PACKAGE}"
    else:
        wanted = needs.Wanted(str(HOME), [], environ)
        state = "whole" if stamp.venv_is_valid(wanted) else "not made by sconsw, or out of date: ./sconsw cures it"
        facts[".venv"] = f"{HOME / '.venv'}: {state}"
    facts.update(_store())
    private = [path.parent.parent for path in search.found.values() if private_programs.is_private(path)]
    if private:
        facts[PRIVATE] = str(private[0])
    qemu = search.found.get("qemu-system-x86_64")
    if qemu:
        choice = choose_accelerator(qemu)
        facts["accelerator"] = f"{choice.name}: {choice.why}"
    facts["machines"] = "; ".join(f"{board.asked_by}: {board.name} ({board.qemu})" for board in BOARDS)
    facts["display"] = "yes" if needs.has_display(environ) else "none: run shows the text screen in the terminal"
    return facts


def _host_of_any(kernel_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the host triple as a rustc on PATH says it, which cannot build the kernel; it may be rustup's shim."""
    rustc = procs.find_on_path("rustc", environ)
    directory = kernel_dir if kernel_dir.is_dir() else None
    said = attempt([str(rustc), "-vV"], cwd=directory, env=environ, extra=OFFLINE).stdout if rustc else ""
    hosts = [line.removeprefix("host: ") for line in said.splitlines() if line.startswith("host: ")]
    return {"host triple": hosts[0]} if hosts else {}


def _channel(release: str, uses_features: bool) -> str:
    """Returns whether a stable compiler does for the kernel, and whether the one of that release, if any, is one."""
    condition = (
        ", with RUSTC_BOOTSTRAP=1 for the #![feature] in the sources" if uses_features else ": no nightly is needed"
    )
    if "nightly" in release or "dev" in release:
        return f"no stable compiler; stable is enough{condition}"
    return f"stable{', which' if release else ''} is enough{condition}"


def _toolchain_file(kernel_dir: Path, chosen: Toolchain | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns what the rust-toolchain file of the kernel asks for, and who obeys it or what compiles instead."""
    path = nearest_toolchain_file(kernel_dir)
    if path is None:
        return {}
    try:
        asks = f"{path} asks for {read_toolchain_file(path)}"
    except BootwrightError as error:
        return {"rust-toolchain": str(error)}
    if find_rustup(environ):
        other = chosen.origin if chosen and path.name not in chosen.origin else ""
        return {"rust-toolchain": f"{asks}: {f'{other} has the last word' if other else 'rustup obeys it'}"}
    instead = f"rustc {chosen.release} ({chosen.rustc}) compiles instead" if chosen else "no other rustc was found"
    return {"rust-toolchain": f"{asks}, and there is no rustup to obey it: {instead}"}


def _store() -> dict[str, str]:
    from bootwright.storage.store import Store

    root = Store().root
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    return {"store": f"{root}: {size_text(size)}"}


def report(
    kernel_dir: Path, target: str, rustc: str | None, environ: Mapping[str, str], json_to: str | None = None,
    said: Mapping[str, str] | None = None,
) -> int:  # fmt: skip
    """Prints the report, or with json_to writes it as JSON there (- is standard output); returns the exit status.

    said are variables, each with its value and where it was said.
    """
    found = examine(kernel_dir, target, rustc, environ)
    found = replace(found, facts={**found.facts, **{f"{name}=": place for name, place in (said or {}).items()}})
    if json_to is None:
        show(found)
    else:
        text = json.dumps(found.as_json(), indent=1) + "\n"
        if json_to == "-":
            sys.stdout.write(text)
        else:
            try:
                Path(json_to).write_text(text, encoding="utf-8")
            except OSError as error:
                raise BootwrightError(f"{json_to} cannot be written: {error.strerror}") from error
    return Status.DONE if found.is_complete else Status.BUILD_ERROR


def main() -> int:
    """Runs the doctor without SCons, for the example kernel or the one in the directory that is named."""
    stamp.add_private_programs(str(HOME))
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--json")]
    switches = [argument for argument in sys.argv[1:] if argument.startswith("--json")]
    json_to = (switches[-1].partition("=")[2] or "-") if switches else None
    kernel = Path(arguments[0]).absolute() if arguments else HOME / "kernel"
    try:
        return report(kernel, "", os.environ.get("RUSTC"), os.environ, json_to)
    except BootwrightError as error:
        print(f"doctor: {error}", file=sys.stderr)
        return error.status


if __name__ == "__main__":
    sys.exit(main())
