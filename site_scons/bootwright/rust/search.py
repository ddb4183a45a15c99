"""Which rustc compiles: RUSTC=, else rustup's for the kernel, else the first one that has core for the target.

A toolchain that a person chose (RUSTC=, a rust-toolchain file, an override) is final. One that is just there is passed
over, and said so, when it has neither core for the target nor the sources that core is built from.
"""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bootwright.base.errors import BootwrightError, Lacks
from bootwright.base.procs import EXE, attempt, run
from bootwright.cargo.watched import toolchain_files
from bootwright.rust import library as rust_library
from bootwright.rust import rustup
from bootwright.rust.lacks import LackOfCore, LackOfRustc, OldRustc
from bootwright.rust.toolchain import OLDEST, Toolchain, UnknownTarget, has_core, release_number

# Where systems put a compiler that PATH may not have; Ubuntu has several, each in a directory of its version.
SYSTEM_COMPILERS = ("/usr/bin/rustc", "/usr/local/bin/rustc", "/opt/homebrew/bin/rustc")
VERSIONED_COMPILERS = (Path("/usr/lib"), "rust-*/bin/rustc")


def find_toolchain(kernel_dir: Path, target: str, rustc: str | None, environ: Mapping[str, str]) -> Toolchain:
    """Returns the toolchain for the kernel in kernel_dir and target (a triple, or the path of a JSON file).

    rustc is RUSTC=. Raises BootwrightError, Lacks where a package could help, when none serves; downloads nothing.
    """
    wanted = kernel_dir.absolute()
    # That KERNEL= names none is said when it is read; rustup can be asked in a directory alone.
    directory = next(place for place in (wanted, *wanted.parents) if place.is_dir())
    return _Search(directory, target, environ).find(rustc)


class _Search:
    """One search: what it looks at is collected, so that the result's stamp knows it."""

    def __init__(self, kernel_dir: Path, target: str, environ: Mapping[str, str]) -> None:
        self.kernel_dir = kernel_dir
        self.target = target
        self.environ = environ
        self.watched: dict[str, None] = {}
        self.passed_over: list[str] = []
        self.first_failure: BootwrightError | None = None
        self.seen: set[Path] = set()

    def find(self, rustc: str | None) -> Toolchain:
        if rustc:
            return self._take(self._named(rustc), f"RUSTC={rustc}")
        program = rustup.find_rustup(self.environ)
        self._watch_rustup(program)
        if program is not None:
            try:
                found = self._of_rustup(program)
            except BootwrightError as error:
                self._name_another(error)
                raise
            if found:
                return found
        for candidate, origin in self._others():
            found = self._serves(candidate, origin)
            if found:
                return found
        raise self.first_failure or Lacks("no rustc was found", LackOfRustc())

    def _of_rustup(self, program: Path) -> Toolchain | None:
        """Returns what rustup takes for the kernel; None where that is its default, which does not serve."""
        active = rustup.active_toolchain(program, self.kernel_dir, self.environ)
        if active.rustc is None:
            self.passed_over.append("rustup has no default toolchain")
            return None
        if not active.pinned:
            return self._serves(active.rustc, "rustup's default")
        file = rustup.choosing_file(active)
        if file:
            from bootwright.rust.toolchain_file import check_installed, read_toolchain_file

            check_installed(program, active.name, read_toolchain_file(file), self.environ)
        return self._take(active.rustc, active.chosen_by)

    def _name_another(self, error: BootwrightError) -> None:
        """Adds to the hint of error, that what was chosen does not serve, the first compiler here that does."""
        for candidate, origin in self._others():
            another = self._serves(candidate, origin)
            if another:
                has = f"rustc {another.release}, which lacks nothing for {Path(self.target).name}"
                words = f"or RUSTC={another.rustc}, {has}"
                error.hint = f"{error.hint}; {words}" if error.hint else words
                return

    def _named(self, word: str) -> Path:
        """Returns the executable that RUSTC= names: a path, or a name on PATH; rustup's shim is looked through."""
        found = shutil.which(word, path=self.environ.get("PATH", ""))
        self.watched[found or str(Path(word).absolute())] = None
        if found is None:
            raise BootwrightError(f"RUSTC={word} is no executable", "give a path, or a name on PATH")
        path = Path(found).absolute()
        if not rustup.is_shim(path):
            return path
        program = path.with_name("rustup" + path.suffix)
        program = program if program.is_file() else path.resolve()
        self._watch_rustup(program)
        active = rustup.active_toolchain(program, self.kernel_dir, self.environ)
        if active.rustc is None:
            raise BootwrightError(f"RUSTC={word} is rustup's, which has no default toolchain", "rustup default stable")
        return active.rustc

    def _watch_rustup(self, program: Path | None) -> None:
        home = rustup.rustup_home(self.environ)
        settings = [home / "settings.toml", home / "toolchains"] if home else []
        files = toolchain_files(self.kernel_dir)
        compilers = [Path(path) for path in SYSTEM_COMPILERS]
        on_path = [Path(p, n + EXE) for p in self._path() for n in ("rustup", "rustc")]
        for path in (*([program] if program else []), *settings, *files, *on_path, *compilers):
            self.watched[str(path)] = None

    def _path(self) -> list[str]:
        return [place for place in self.environ.get("PATH", "").split(os.pathsep) if place]

    def _others(self) -> Iterator[tuple[Path, str]]:
        """Yields every other rustc: on PATH, then the system's."""
        for place in self._path():
            yield Path(place, "rustc" + EXE), "PATH"
        for name in SYSTEM_COMPILERS:
            yield Path(name), "the system"
        directory, pattern = VERSIONED_COMPILERS
        for path in sorted(directory.glob(pattern), key=_version_in, reverse=True):
            yield path, "the system"

    def _take(self, rustc: Path, origin: str) -> Toolchain:
        """Returns the toolchain that a person chose; raises with what it lacks."""
        toolchain = self._probe(rustc, origin)
        failure = self._failure(toolchain)
        if failure:
            raise failure
        return self._finish(replace(toolchain, pinned=True))

    def _serves(self, rustc: Path, origin: str) -> Toolchain | None:
        """Returns the toolchain if it serves; else notes why it is passed over."""
        if not os.access(rustc, os.X_OK) or rustc.resolve() in self.seen:
            return None
        self.seen.add(rustc.resolve())
        if rustup.is_shim(rustc):
            return None  # rustup was asked already
        try:
            toolchain = self._probe(rustc, origin)
        except BootwrightError as error:
            self.passed_over.append(error.message)
            self.first_failure = self.first_failure or error
            return None
        failure = self._failure(toolchain)
        if failure is None:
            return self._finish(toolchain)
        name = rustup.toolchain_name(rustc)
        who = f"{origin} {name}" if name else str(rustc)
        self.passed_over.append(f"{who} {failure.message.removeprefix(f'{rustc} ')}")
        self.first_failure = self.first_failure or failure
        return None

    def _finish(self, toolchain: Toolchain) -> Toolchain:
        notes: tuple[str, ...] = ()
        if self.passed_over:
            reasons = "; ".join(self.passed_over)
            notes = (f"{toolchain.rustc} (rustc {toolchain.release}) compiles; passed over: {reasons}",)
        return replace(toolchain, notes=notes, watched=tuple(self.watched))

    def _probe(self, rustc: Path, origin: str) -> Toolchain:
        """Asks rustc what it is; raises if it does not run or is no rustc."""
        self.watched[str(rustc)] = None
        ended = attempt([str(rustc), "-vV"], env=self.environ)
        facts = dict(line.split(": ", 1) for line in ended.stdout.splitlines() if ": " in line)
        if ended.status or not {"release", "host", "LLVM version"} <= facts.keys():
            said = (ended.stderr.strip() or ended.stdout.strip()).partition("\n")[0]
            raise BootwrightError(f"{rustc} is no rustc that runs: {said or f'status {ended.status}'}")
        sysroot = Path(run([str(rustc), "--print", "sysroot"], env=self.environ).strip())
        rustlib = sysroot / "lib" / "rustlib"
        source = rust_library.source_directory(sysroot)
        for path in (rustlib, rust_library.library_directory(sysroot, self.target), source):
            self.watched[str(path)] = None
        return Toolchain(
            rustc, ended.stdout.strip(), facts["release"], facts["host"], facts["LLVM version"], sysroot, origin
        )

    def _failure(self, toolchain: Toolchain) -> BootwrightError | None:
        """Returns why the toolchain does not serve the target, or None; the message begins with its path."""
        rustc, release = toolchain.rustc, toolchain.release
        if release_number(release) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            return Lacks(f"{rustc} is rustc {release}; the oldest supported is {oldest}", OldRustc(rustc))
        if has_core(toolchain, self.target):
            return None
        lacks = rust_library.what_source_lacks(toolchain.sysroot, release)
        unknown = None if rust_library.is_custom(self.target) else self._unknown_triple(toolchain)
        if unknown or not lacks:
            return unknown
        bare = rust_library.is_bare(self.target)
        needs = f"core for {self.target}"
        has = f"no {needs} and {lacks}" if bare else f"{lacks}, which {needs} is built from"
        return Lacks(f"{rustc} (rustc {release}) has {has}", LackOfCore(toolchain, self.target, lacks))

    def _unknown_triple(self, toolchain: Toolchain) -> BootwrightError | None:
        triples = run([str(toolchain.rustc), "--print", "target-list"], env=self.environ).split()
        if self.target in triples:
            return None
        near = difflib.get_close_matches(self.target, triples, 3, 0.8)
        return UnknownTarget(
            f"{toolchain.rustc} (rustc {toolchain.release}) knows no target {self.target}",
            f"did you mean {' or '.join(near)}?" if near else f"{toolchain.rustc} --print target-list names them",
        )


def _version_in(path: Path) -> tuple[int, ...]:
    """Returns the numbers in the name of a directory such as rust-1.85."""
    return tuple(int(n) for n in path.parent.parent.name.partition("-")[2].split(".") if n.isdigit())
