"""The plan for a kernel: the remembered one, or a new one that cargo makes, after fetching what is missing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import lock_file
from bootwright.base.procs import Ended
from bootwright.base.records import field, record, replace
from bootwright.base.regular import is_there, read_if_there, read_text
from bootwright.cargo import memory
from bootwright.cargo.build_command import command_of, words_for_cargo
from bootwright.cargo.command import cargo_home, cargos, error_in, find_cargo, run_cargo, warnings_in
from bootwright.cargo.config import read_configuration
from bootwright.cargo.config_keys import passed_over_flags
from bootwright.cargo.packages import LIBRARY, Choice, Package
from bootwright.cargo.units import Plan, Unit
from bootwright.cargo.watched import check_files, watched_files, weighed_files

ORIGIN = "Cargo.lock.origin"  # the SHA-256 of the person's lock file that ours was copied from
ENCODED = "CARGO_ENCODED_RUSTFLAGS"


@record(frozen=True)
class Request:
    """What is to be planned.

    directory is KERNEL=; target a triple, or the path of a specification as rustc takes it. profile are the words that
    say the profile, none for what build-command of bootimage says, else dev; words are others, such as features. tests:
    as `cargo test --no-run`. flags is RUSTFLAGS= as words. toolchain says which rustc, in whatever words differ when it
    does. library are the standard library's sources.
    """

    directory: Path
    target: str
    toolchain: str
    rustc: Path
    library: Path
    profile: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    choice: Choice = field(default_factory=Choice)
    tests: bool = False

    def question(self, environ: Mapping[str, str]) -> dict[str, Any]:
        """Returns all that the plan depends on beside files, in JSON's types."""
        spec = read_text(Path(self.target)) if self.target.endswith(".json") else ""
        found = [[path, _stamp(path)] for path in cargos(self.rustc, environ)]
        own = {**vars(self), "choice": vars(self.choice)}  # asdict would have both classes made, in each build
        facts = {
            **own, "spec": spec, "variables": memory.variables(environ), "cargo": found,
            "home": cargo_home(environ), "planner": memory.planner(),
        }  # fmt: skip
        return dict(json.loads(json.dumps(facts, default=os.fspath)))

    @property
    def key(self) -> str:
        """The name of the place where it is remembered: one for each kernel, target, profile and kind."""
        facts = [self.directory, self.target, self.profile, self.words, self.flags, self.choice, self.tests]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _stamp(program: str) -> list[int]:
    """Returns what changes when a program is exchanged."""
    status = os.stat(program)  # noqa: PTH116
    return [status.st_size, status.st_mtime_ns, status.st_ino]


@record(frozen=True)
class Planned:
    """A plan and the package that it is for; fresh: cargo was run for it just now."""

    plan: Plan
    package: Package
    fresh: bool = False

    @property
    def program(self) -> Unit:
        """The kernel's own program; of a plan for tests there need not be one.

        Where the plan is no whole one, what is known of the program stands for it.
        """
        package = self.package
        known = (unit for unit in self.plan.products(package.kind, package.root) if unit.target == package.program)
        if self.plan.unplanned:
            argv = ("--crate-name", package.program.replace("-", "_"), "--crate-type", package.crate_type)
            own = Unit(
                package.program, package.kind, package.root, argv, {}, package.name, "", package.root, package.main,
                package.program, local=True,
            )  # fmt: skip
            return next(known, own)
        return next(known)


def make_plan(request: Request, place: Path, environ: Mapping[str, str], tell: Callable[[str], None]) -> Planned:
    """Returns the plan for request, which is remembered below place.

    tell hears that something is fetched. Raises BootwrightError with cargo's own words where it refuses, and with the
    names of the packages where some are missing and cannot be fetched.
    """
    path = place / request.key / "plan.json"
    question = request.question(environ)
    known = memory.recall(path, question)
    if known is not None:
        return Planned(known[0], _package(known[1]))
    _check_directory(request.directory)
    check_files(request.directory, cargo_home(environ))
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock_file(path.with_name("lock"), lambda: None):
        maker = _Maker(request, place, environ, tell)
        plan, package, watched = maker.make()
        memory.remember(path, question, watched, plan, asdict(package))
    return Planned(plan, package, fresh=True)


def _package(facts: Mapping[str, Any]) -> Package:
    tuples = {name: tuple(facts[name]) for name in ("said", "manifests", "weighed", "words")}
    targets = {name: tuple(tuple(target) for target in facts[name]) for name in ("untested", "gated")}
    return Package(**{**facts, **tuples, **targets})


def _check_directory(root: Path) -> None:
    if not is_there(root / "Cargo.toml"):
        below = [path.parent.name for path in sorted(root.glob("*/Cargo.toml"))] if root.is_dir() else []
        more = f"below it is a package in {', '.join(below[:5])}" if below else "`cargo new --bin NAME` makes one"
        hint = f"KERNEL= names the directory of a Cargo package; {more}"
        raise BootwrightError(f"{root} has no Cargo.toml", hint)


class _Maker:
    """One plan being made."""

    def __init__(self, request: Request, place: Path, environ: Mapping[str, str], tell: Callable[[str], None]) -> None:
        from bootwright.cargo.room import Room  # a plan that is remembered does not pay for it

        self.request = request
        self.place = place
        self.environ = environ
        self.tell = tell
        self.cargo = find_cargo(request.rustc, environ)
        self.room = Room(place / request.key)
        self.target = request.target
        self.variables: dict[str, str] = {}  # of the run of cargo that the plan comes from

    def make(self) -> tuple[Plan, Package, dict[str, str]]:
        """Returns the plan, its package, and the files that both depend on."""
        from bootwright.cargo.asked import read_package

        request = self.request
        package = read_package(self.cargo, request.directory, request.choice, self.environ)
        home = cargo_home(self.environ)
        workspace = Path(package.workspace)
        lock = self._copy_lock(workspace)
        before = watched_files(request.directory, workspace, package.manifests, home)
        plan = self._plan(package, lock)
        local = {f"{unit.root}{os.sep}Cargo.toml" for unit in plan.units if not unit.checksum}
        manifests = sorted({*package.manifests, *local})
        watched = {**watched_files(request.directory, workspace, manifests, home), **before}
        watched |= weighed_files(package.weighed)
        return plan, package, watched

    def _copy_lock(self, workspace: Path) -> Path:
        """Returns our copy of the workspace's lock file, which cargo may bring up to date where the person's is not."""
        place = self.place / f"lock-{hashlib.sha256(str(workspace).encode()).hexdigest()[:16]}"
        place.mkdir(parents=True, exist_ok=True)
        own, origin, theirs = place / "Cargo.lock", place / ORIGIN, workspace / "Cargo.lock"
        text = read_if_there(theirs) or b""
        if text:
            read_text(theirs)  # which says what is no text
        digest = hashlib.sha256(text).hexdigest()
        if read_if_there(origin) != digest.encode() or (text and not is_there(own)):
            own.unlink(missing_ok=True)
            if text:
                with atomic.new_file(own) as temporary:
                    temporary.write_bytes(text)
            with atomic.new_file(origin) as temporary:
                temporary.write_text(digest, encoding="utf-8")
        return own

    def _plan(self, package: Package, lock: Path) -> Plan:
        """Runs cargo with the ghost; fetches first where the lock file or a package is not here."""
        from bootwright.cargo.fetching import can_cure, is_about_lock, not_fetched

        configuration = read_configuration(self.request.directory, self.environ)
        fetches = package.fetches or configuration.builds_std()
        ended = self._run(package, lock, "--frozen" if package.fetches else "--offline")
        if ended.status and package.fetches and is_about_lock(ended.stderr):
            ended = self._locked_by_paths(package, lock) or ended
        if ended.status and fetches and can_cure(ended.stderr):
            fetched = self._fetch(package, lock, is_about_lock(ended.stderr))
            ended = self._run(package, lock, "--offline")
            if ended.status and fetched.status:
                raise not_fetched(package.name, fetched.stderr, ended.stderr)
        unplanned = ""
        if ended.status:
            error = error_in(ended.stderr)
            if not any(self.room.log.iterdir()):
                raise BootwrightError(f"cargo does not build {package.name}:\n{error}")
            # It had nothing against the package, and misses what the ghost does not make.
            unplanned = f"cargo says `{error.partition(chr(10))[0].removeprefix('error: ')}` while it plans"
        said = [*package.said, *(line for line in warnings_in(ended.stderr) if line not in package.said)]
        from bootwright.cargo.planner import read_plan

        configured, library = configuration.variables(), self.request.library
        plan = read_plan(self.room, ended.stdout, self._base(lock), library, lock, said, configured)
        unplanned = unplanned or plan.unplanned
        compiled = [unit.argv for unit in plan.units if not unit.is_run and not unit.for_builder]
        if compiled:
            stem = Path(self.target).name.removesuffix(".json")
            lines = passed_over_flags(configuration, stem, compiled[-1])
            plan = replace(plan, said=(*plan.said, *(f"bootwright: {line}" for line in lines)))
        return replace(plan, unplanned=unplanned, command=ended.argv, variables=self.variables)

    def _locked_by_paths(self, package: Package, lock: Path) -> Ended | None:
        """Runs cargo with a lock file that it makes without a network; None where a registry has versions to choose of.

        What this machine happens to have would be chosen then, and the lock file is put back.
        """
        from bootwright.cargo.fetching import has_sources

        before = read_if_there(lock)
        ended = self._run(package, lock, "--offline")
        if is_there(lock) and not has_sources(lock):
            return ended
        lock.unlink(missing_ok=True)
        if before is not None:
            with atomic.new_file(lock) as temporary:
                temporary.write_bytes(before)
        return None

    def _run(self, package: Package, lock: Path, network: str) -> Ended:
        """Runs cargo with the ghost, with RUSTFLAGS= where cargo takes its flags from."""
        request = self.request
        program = "--lib" if package.kind == LIBRARY else f"--{package.kind}={package.program}"
        verb = ("test", "--no-run") if request.tests else ("build", program)
        words = self.cargo.command(verb[0], self.target, lock)
        command = [] if request.tests else words_for_cargo(command_of(package.metadata), bool(request.profile))
        words += [*verb[1:], f"--manifest-path={package.root}/Cargo.toml", *request.profile, *command]
        words += [*package.words, *request.words]
        words.append("--message-format=json")
        environment = {**self._base(lock), **self.room.environment()}
        more: list[list[str]] = [[]]
        if request.flags and (ENCODED in environment or "RUSTFLAGS" in environment):
            # A variable beats what files say, so that the two are put together there.
            said = (
                environment.get(ENCODED, "").split("\x1f")
                if ENCODED in environment
                else environment["RUSTFLAGS"].split()
            )
            environment[ENCODED] = "\x1f".join([*filter(None, said), *request.flags])
        elif request.flags:
            # [build] rustflags has no effect where a table of the target has some.
            name = json.dumps(Path(self.target).name.removesuffix(".json"))
            array = json.dumps(request.flags)
            more = [["--config", f"{key}.rustflags={array}"] for key in ("build", f"target.{name}")]
        own = {name: value for name, value in environment.items() if self.environ.get(name) != value}
        self.variables = {name: value for name, value in own.items() if name not in self.room.environment()}
        for config in more:
            self.room.clear()
            ended = run_cargo([*words, network, *config], request.directory, environment)
            if ended.status or not request.flags or self._has_flags():
                break
        self.room.keep_answers()
        # Our copy is what cargo names; a person knows their own.
        return replace(ended, stderr=ended.stderr.replace(str(lock), str(Path(package.workspace, lock.name))))

    def _has_flags(self) -> bool:
        """Says whether RUSTFLAGS= reached what was compiled for the target."""
        from bootwright.cargo.ghost import read_calls

        flags = list(self.request.flags)
        calls = [list(c.argv) for c in read_calls(self.room.log) if "--target" in c.argv]
        return all(any(argv[i : i + len(flags)] == flags for i in range(len(argv))) for argv in calls)

    def _base(self, lock: Path) -> dict[str, str]:
        return self.cargo.environment(self.environ, lock)

    def _fetch(self, package: Package, lock: Path, locks: bool) -> Ended:
        """Fetches what is missing, or chooses versions first; tells where our lock file is not the person's then."""
        from bootwright.cargo.fetching import fetch

        if locks:
            self.tell(f"cargo chooses the versions of what {package.name} needs, and fetches those that are missing")
        else:
            self.tell(f"cargo fetches what {package.name} needs and this machine does not have")
        manifest, directory = Path(package.root, "Cargo.toml"), self.request.directory
        fetched = fetch(self.cargo, self.target, manifest, lock, directory, self.environ, self.tell)
        theirs = Path(package.workspace, "Cargo.lock")
        if lock.is_file() and read_if_there(theirs) != read_if_there(lock):
            what = "is not what its manifests ask for" if theirs.is_file() else "is not there"
            self.tell(f"{theirs} {what}; {lock} has the versions that are built")
        return fetched
