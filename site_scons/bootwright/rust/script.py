"""Running a build script: its variables, what it says, and what it depends on."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright.base import procs
from bootwright.base.children import ends_with_us
from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError
from bootwright.base.procs import pasteable
from bootwright.base.regular import LARGEST, read_text
from bootwright.cargo.directives import KIND_OF, Directives, check_targets, read_directives
from bootwright.cargo.units import Unit
from bootwright.rust import nested
from bootwright.rust.compile import environment_of
from bootwright.rust.more import More, Room
from bootwright.rust.unit_reads import Reads, digest_below, digest_of_package, digest_or_absent

LAST_LINES = 40
TWO_COLONS = (1, 77)  # the cargo that brought cargo::KEY=VALUE
# Which compiler runs, and where cargo writes: a cargo that a script starts would write into our directories, too.
NOT_HANDED_ON = {
    "RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_BOOTSTRAP", "RUSTFLAGS", "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR", "CARGO_MAKEFLAGS",
}  # fmt: skip
BUSY_ATTEMPTS, BUSY_SECONDS = 500, 0.02
NOT_FOUND = re.compile(r"kind: NotFound|No such file or directory|program not found")
CC = re.compile(r'[Ff]ailed to find tool(?:\. Is)? ["`]([^"`]+)["`]')  # what the crate cc says
COMMAND = re.compile(r'\bCommand::new\(\s*"([^"{}]+)"')


@dataclass(frozen=True)
class Ran:
    """What a script said and made: stdout, and a line `SHA-256  name` for each file in OUT_DIR."""

    said: str
    files: str
    directives: Directives


def run_script(
    unit: Unit, room: Room, person: Mapping[str, str], show: Callable[[str], None], bootstrap: bool = False,
    core: tuple[str, str] | None = None,
) -> Ran:  # fmt: skip
    """Runs the build script that unit is, in an empty OUT_DIR; show gets its warnings and errors, as cargo words them.

    person is the whole environment and room's variables, and the script gets it as with Cargo: compilers for other
    languages are chosen by it. Raises where it fails; of a package that is not the person's the warnings are shown only
    then. bootstrap: a cargo or rustc that it starts may have unstable features. core are its target, where the compiler
    has none for it, and the sysroot that holds it.
    """
    out = room.out / unit.name
    environment = {**of_person(person), **room.variables, **environment_of(unit, room, More())}
    program = room.text(unit.argv[0])
    asked = environment
    if core:
        asked = {**environment, "RUSTC": nested.probed_rustc(environment["RUSTC"], *core)}
    done = _run(program, unit, asked, out)
    if done.returncode and not unit.checksum and nested.lacks_core(f"{done.stdout}\n{done.stderr}"):
        more = nested.with_core(environment, out.with_name("compiler"), bootstrap)
        gets = "core where its rustc has none" + (", RUSTC_BOOTSTRAP=1" if bootstrap else "")
        show(f"bootwright: the build script of {unit.package} compiles for itself: it gets {gets}\n")
        done = _run(program, unit, more, out)
    stderr = done.stderr
    directives = _directives_of(done, unit)
    failed = done.returncode or directives.errors
    if unit.local or failed:
        for line in warning_lines(unit, directives):
            show(f"{line}\n")
    for line in directives.errors:
        show(f"error: {unit.package}@{unit.version}: {line}\n")
    if done.returncode:
        how = f"ended with status {done.returncode}" if done.returncode > 0 else f"died of signal {-done.returncode}"
        lines = "\n    ".join([f"the build script of {unit.package} v{unit.version} {how}:", *_last_lines(done)])
        script = Path(unit.cwd, unit.source)
        absent = programs_not_there(script, stderr, environment)
        hint = f"{script.name} starts {' and '.join(absent)}, which is not on PATH; " if absent else ""
        hint = hint or _compiler_not_there(stderr, environment.get("TARGET", ""))
        hint += f"the command was: (cd {pasteable([unit.cwd])} && {pasteable([program])}), with cargo's variables"
        raise BootwrightError(lines, hint)
    check_syntax(done.stdout, unit)
    if any(key in KIND_OF for key, _ in directives.link_args) and not unit.checksum:
        targets = _targets(Path(unit.root), environment["CARGO"])
        if targets is not None:  # cargo alone knows them of a package that is no member of its own workspace
            check_targets(directives, named(unit), targets)
    if directives.errors:
        raise BootwrightError(f"the build script of {unit.package} v{unit.version} logged errors")
    return Ran(done.stdout, files_made(out), directives)


def named(unit: Unit) -> str:
    """Returns a package as cargo names it in what it says of a build script."""
    return f"{unit.package} v{unit.version}{'' if unit.checksum else f' ({unit.root})'}"


def check_syntax(said: str, unit: Unit) -> None:
    """Raises for a directive with two colons of a package that is to build with a cargo which does not know it."""
    oldest = unit.environment.get("CARGO_PKG_RUST_VERSION", "")
    line = next((line.strip() for line in said.split("\n") if line.strip().startswith("cargo::")), "")
    numbers = [int(part) for part in oldest.split(".")[:2] if part.isdigit()]
    if line and numbers and (*numbers, 0)[:2] < TWO_COLONS:
        raise BootwrightError(
            "the `cargo::` syntax for build script output instructions was added in Rust 1.77.0, but the minimum "
            f"supported Rust version of `{named(unit)}` is {oldest}.\nSwitch to the old "
            f"`{line.replace('cargo::', 'cargo:', 1)}` syntax (note the single colon)."
        )


def _directives_of(done: subprocess.CompletedProcess[str], unit: Unit) -> Directives:
    try:
        return read_directives(done.stdout, named(unit))
    except BootwrightError:
        if done.returncode:
            return Directives()  # why it failed is told
        raise


def _targets(root: Path, cargo: str) -> list[tuple[str, str]] | None:
    """Returns kind and name of each target of the package in root, as cargo infers them; None where it does not say."""
    manifest = str(root / "Cargo.toml")
    words = ["metadata", "--no-deps", "--offline", "--format-version=1", f"--manifest-path={manifest}"]
    told = procs.attempt([cargo, *words], cwd=root)
    packages = json.loads(told.stdout)["packages"] if not told.status else []
    own = next((one["targets"] for one in packages if one["manifest_path"] == manifest), None)
    return None if own is None else [(target["kind"][0], target["name"]) for target in own]


def _run(
    program: str, unit: Unit, environment: Mapping[str, str], out: Path
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Runs the program of unit with out, its OUT_DIR, empty."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    process = _start(program, Path(unit.cwd), environment)
    with process, ends_with_us(process):
        stdout, stderr = process.communicate()
    return subprocess.CompletedProcess([program], process.returncode, stdout, stderr)


def of_person(person: Mapping[str, str]) -> dict[str, str]:
    """Returns what a script gets of the person's environment: as with cargo all, but for what is ours to say."""
    return {name: value for name, value in person.items() if name not in NOT_HANDED_ON}


def files_made(out: Path) -> str:
    """Returns a line `SHA-256  name` for each file in an OUT_DIR."""
    made = sorted(path for path in out.rglob("*") if path.is_file())
    return "".join(f"{file_digest(path)}  {path.relative_to(out).as_posix()}\n" for path in made)


def _start(program: str, directory: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Starts a program that this process has just written.

    A program that another thread begins to start holds all that is open here for a moment, the file that was being
    written among it; Linux executes no file that is open for writing (ETXTBSY).
    """
    for attempt in range(BUSY_ATTEMPTS):
        try:
            return subprocess.Popen(
                [program], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            if error.errno != errno.ETXTBSY or attempt == BUSY_ATTEMPTS - 1:
                raise BootwrightError(f"{program} cannot be run: {error.strerror or error}") from error
            time.sleep(BUSY_SECONDS)
    raise AssertionError("the last attempt returns or raises")


def programs_not_there(script: Path, said: str, environment: Mapping[str, str]) -> list[str]:
    """Returns the programs that script, a root file, names and PATH has not, where it said that one is not there.

    Rust's own error for that, with which most scripts end, does not say which one.
    """
    if not NOT_FOUND.search(said):
        return []
    try:
        source = read_text(script, LARGEST)
    except (OSError, BootwrightError):
        return []
    names = dict.fromkeys(re.findall(COMMAND, source))
    return [name for name in names if shutil.which(name, path=environment.get("PATH", "")) is None]


def _compiler_not_there(said: str, target: str) -> str:
    """Returns what to do where the crate cc, in whose words the script ended, found no C compiler for target."""
    found = CC.search(said)
    if not found:
        return ""
    name = re.split(r"[/\\]", found[1])[-1]
    package = f", which Debian has as gcc-{name.removesuffix('-gcc')}" if name.endswith("-gcc") else ""
    return f"the crate cc wants the C compiler {name}{package}; CC_{target.replace('-', '_')}= names another; "


def warning_lines(unit: Unit, directives: Directives) -> list[str]:
    """Returns what the script of unit warned of, a line each, as cargo has them."""
    return [f"warning: {unit.package}@{unit.version}: {line}" for line in directives.warnings]


def _last_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Returns the end of what a script said beside directives: of stdout and of stderr, each under its name."""
    own = [line for line in done.stdout.splitlines() if not line.startswith("cargo:")]
    found = []
    for name, lines in (("stdout", own), ("stderr", done.stderr.strip().splitlines())):
        found += [f"--- {name}", *lines[-LAST_LINES:]] if lines else []
    return found


def script_reads(unit: Unit, room: Room, directives: Directives, person: Mapping[str, str]) -> Reads:
    """Returns what the script depends on: what it declared, else every file of a package that may change."""
    reads = Reads()
    if unit.local and not directives.declares:
        reads.packages[unit.root] = digest_of_package(Path(unit.root))
    for name in directives.files:
        path = Path(os.path.normpath(Path(unit.root, name)))
        if not path.is_dir():
            reads.files[str(path)] = digest_or_absent(path)
        elif not path.is_relative_to(room.out):
            reads.directories[str(path)] = digest_below(path)
    reads.variables = {name: person.get(name) for name in directives.variables if name not in unit.environment}
    return reads
