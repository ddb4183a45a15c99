"""The set-up that sconsw makes once: the programs of the machine, .venv with its packages, and the stamp that says so.

Killed at any moment it is completed or repaired by the next run: a mark lies in .venv while packages are installed,
and a .venv that still has it is made anew. Two first runs at once take turns: a lock is held on the file sconsw.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import wait_for_lock
from bootwright.base.regular import NAMED
from bootwright.cargo.host_tuple import resolve_target
from bootwright.loader import crates as loader
from bootwright.rust import toolchain
from bootwright.rust.targets import find_target
from bootwright.setup import apt, extras, lookup, needs, private_programs, stamp
from bootwright.setup import packagers as host_system
from bootwright.setup import venv as dotvenv
from bootwright.setup.installer import tell
from bootwright.setup.programs import PROGRAMS, System
from bootwright.setup.told import add_cure
from bootwright.storage.store import Store


def prepare(wanted: needs.Wanted) -> int:
    """Makes what is missing; returns 0, or prints one sentence and returns the exit status."""
    try:
        with _lock(Path(wanted.home)):
            if not needs.are_met(wanted):  # another sconsw may have done all while this one waited
                _set_up(wanted)
    except BootwrightError as error:
        tell(str(add_cure(error, wanted.environ)))
        return error.status
    except KeyboardInterrupt:
        tell("interrupted; the next run goes on from here")
        return 130
    return 0


def _set_up(wanted: needs.Wanted) -> None:
    home = Path(wanted.home)
    if needs.PRIVATE in wanted.arguments and needs.SYSTEM in wanted.arguments:
        raise BootwrightError(f"{needs.PRIVATE} and {needs.SYSTEM} exclude each other")
    before = stamp.found_before(wanted)  # so that run and test, in turn, do not forget each other's programs
    place = stamp.private_programs(wanted.home)
    search = _find(wanted, place)
    installed = stamp.is_installed(wanted.home)  # then pip has made what .venv is for
    lacks_pip = not installed and _lacks_packages(wanted) and not dotvenv.can_be_made(wanted.environ)
    pip: Path | None = None
    if search.missing and not place and host_system.this_system(wanted.environ) is System.APT:
        found = private_programs.newest(Store(), private_programs.this_system())  # of another checkout
        place = str(found or "")
        search = _find(wanted, place)
    if search.missing or lacks_pip:
        installation = _Installation(wanted, search)
        installation.install(lacks_pip)
        pip, place = installation.pip, installation.private or place
        search = _find(wanted, place)
        hopeless = [name for name in search.missing if PROGRAMS[name].essential]
        if hopeless:
            raise search.missing[hopeless[0]]
    if not installed:
        if not stamp.venv_is_valid(wanted):
            dotvenv.make(home, wanted.environ, pip)
        lacking = [name for name in wanted.extras if not extras.is_there(wanted.home, name)]
        if lacking:
            dotvenv.add(home, lacking, wanted.environ, pip)
        dotvenv.compile_modules(home, Path(stamp.venv_python(wanted.home)), wanted.environ)
    known = {**before, **{name: str(path) for name, path in search.found.items()}, **_cores(wanted, search)}
    _save(home, stamp.write(wanted, known, place))
    if installed and place and stamp.has_older(wanted.environ, place):
        tell('PATH of this shell has the private programs of before, and not all: export PATH="$(bootwright path)"')


def _lacks_packages(wanted: needs.Wanted) -> bool:
    """Tells whether .venv, or a set of packages in it, is still to be made."""
    whole = stamp.venv_is_valid(wanted) and all(extras.is_there(wanted.home, name) for name in wanted.extras)
    return not whole


def _find(wanted: needs.Wanted, private: str) -> lookup.Search:
    """Looks for the programs on PATH and then in the directory private, as scons will."""
    if not wanted.programs:
        return lookup.Search()
    variables = dict(argument.split("=", 1) for argument in wanted.arguments if "=" in argument)
    kernel = Path(variables.get("KERNEL") or Path(wanted.home) / "kernel").absolute()
    if stamp.is_installed(wanted.home) and not kernel.is_dir():  # there is no example; what is wrong scons says
        kernel = Path.cwd()
    target = _target(wanted, variables)
    environ = stamp.with_private_programs(wanted.environ, private)
    return lookup.find_programs(wanted.programs, kernel, environ, variables.get("RUSTC"), target)


def _target(wanted: needs.Wanted, variables: Mapping[str, str]) -> str:
    """Returns what the build will want core for: the triple, or the path of a JSON file, seen from here."""
    host, arch, word = (variables.get(name, "") for name in ("HOST", "ARCH", "TARGET"))
    word = resolve_target(word, os.environ)
    if needs.is_hosted(wanted.arguments):
        from bootwright.hosts import table

        rows = table.read_rows(Path(wanted.home) / table.FILE)
        return (table.find_wanted(rows, host, arch, word, table.this_builder()) or rows)[0].triple
    if not word:
        return loader.TARGET
    target = find_target(word, Path.cwd(), NAMED.format("TARGET"))
    return str(target.spec or target.name)


def _cores(wanted: needs.Wanted, search: lookup.Search) -> dict[str, str]:
    """Returns what the stamp says of the compiler that was looked for: which targets it serves."""
    rustc = search.found.get("rustc")
    if rustc is None or search.toolchain is None:
        return {}
    any_core = needs.ANY_CORE if toolchain.find_rust_src(search.toolchain) else needs.core_name(wanted.arguments)
    return {any_core: str(rustc)}


class _Installation:
    """One installation of what search misses, by apt, privately or by nobody but the person.

    Afterwards private is the directory of the private programs, where some came so, and pip a pip to run by its path.
    """

    def __init__(self, wanted: needs.Wanted, search: lookup.Search) -> None:
        self.private = ""
        self.pip: Path | None = None
        self._wanted = wanted
        self._environ = wanted.environ
        self._search = search
        self._system = host_system.this_system(wanted.environ)

    def install(self, lacks_pip: bool) -> None:
        """Installs what it may; raises for an essential rest, and tells of one that only some tests need."""
        if self._search.final:
            raise self._search.final
        if lacks_pip and self._system is not System.APT:
            raise BootwrightError(
                f"{dotvenv.base_python()} has no module ensurepip, which `python3 -m venv` needs",
                "install uv, or a Python that has it, or your system's package of ensurepip or venv",
            )
        # A component of a toolchain that rustup manages is rustup's to bring, and sconsw never touches rustup.
        of_rustup = lookup.of_rustup(self._search.toolchain)
        mine = [
            name
            for name in self._search.missing
            if self._system is System.APT and not (of_rustup and name in ("rustfmt", "clippy-driver"))
        ]
        others = [name for name in self._search.missing if name not in mine]
        packages = self._by_apt(mine, lacks_pip) if mine or lacks_pip else []
        if others:
            self._leave(others, packages)

    def _leave(self, names: list[str], packages: list[str]) -> None:
        """Names the command that brings the programs; raises where one of them is essential."""
        by_rustup = lookup.has_rustup(self._search, self._environ)
        words = host_system.command(names, self._system, packages, by_rustup)
        missing = f"{apt.listed(names)} {'is' if len(names) == 1 else 'are'} missing"
        if any(PROGRAMS[name].essential for name in names):
            raise BootwrightError(missing, words)
        result = " and ".join(dict.fromkeys(PROGRAMS[name].lacking for name in names))
        tell(f"{missing}, so {result}; to get {'it' if len(names) == 1 else 'them'}: {words}")

    def _by_apt(self, names: list[str], lacks_pip: bool) -> list[str]:
        """Installs the packages of the programs: with apt what it takes, the others privately; returns all of them."""
        root, archive = apt.as_root(self._environ), apt.Archive(self._environ)
        installer = apt.Apt(self._environ, root or [], tell)
        forbidden = self._why_not_apt(root)
        if not forbidden and apt.lists_are_stale(archive):
            installer.update("its lists of packages are missing or old")
        system, own = private_programs.this_system(), stamp.private_programs(self._wanted.home)
        alone = private_programs.PrivatePrograms(Store(), system, self._environ, tell, own)
        by_hand = needs.SYSTEM in self._wanted.arguments
        if forbidden and not by_hand:
            archive = alone.archive()
        llvm = int(self._search.toolchain.llvm_version.split(".")[0]) if self._search.toolchain else None
        packages = apt.packages_for(archive, names, llvm)
        venv = [f"python{sys.version_info.major}.{sys.version_info.minor}-venv"] if lacks_pip else []
        if forbidden and by_hand:
            self._refuse([*names, *(["ensurepip"] if lacks_pip else [])], [*packages, *venv], archive, forbidden)
        refused = (
            dict.fromkeys([*packages, *venv], forbidden) if forbidden else self._refused(archive, [*packages, *venv])
        )
        servers = {package: why for package, why in private_programs.SERVERS.items() if package in packages}
        if servers and by_hand:
            why = next(iter(servers.values()))
            tell(f"{apt.listed([*servers])} {'does' if len(servers) == 1 else 'do'} not come by {needs.SYSTEM}: {why}")
            packages = [package for package in packages if package not in servers]
        elif not forbidden:
            refused |= servers
        if refused and by_hand:
            package, why = next(iter(refused.items()))
            raise BootwrightError(f"{package}: {why}, and {needs.SYSTEM} forbids that it comes privately")
        taken = [package for package in (*packages, *venv) if package not in refused]
        if taken:
            try:
                installer.install(taken)
            except apt.Refused as error:
                if by_hand:
                    raise
                tell(error.message)
                refused |= dict.fromkeys(taken, "apt-get failed")
        for why in dict.fromkeys(refused.values()):
            self._privately(
                alone, archive, [package for package in packages if refused.get(package) == why], names, why
            )
        if not set(venv).isdisjoint(refused):
            self.pip = dotvenv.find_pip(alone.fetch(archive, dotvenv.PIP_PACKAGE))
        return packages

    def _privately(
        self,
        alone: private_programs.PrivatePrograms,
        archive: apt.Archive,
        packages: list[str],
        names: list[str],
        why: str,
    ) -> None:
        never = [name for name in names if apt.SIMPLE.get(name) in set(packages) & {*private_programs.NEVER}]
        if never:
            tell(f"{apt.listed(never)} cannot come privately: {private_programs.NEVER[apt.SIMPLE[never[0]]]}")
        packages = [package for package in packages if package not in private_programs.NEVER]
        if packages:
            self.private = str(alone.install(archive, packages, names, why))

    def _why_not_apt(self, root: list[str] | None) -> str:
        """Returns why nothing may be installed with apt at all; empty where it may be tried."""
        if needs.PRIVATE in self._wanted.arguments:
            return f"{needs.PRIVATE} asks for it"
        if root is None:
            return "sconsw is not root here"
        if os.statvfs("/usr").f_flag & os.ST_RDONLY:
            return "/usr is read-only"
        return ""

    def _refused(self, archive: apt.Archive, packages: list[str]) -> dict[str, str]:
        """Returns those of packages that apt-get cannot install without changing others, each with the reason."""
        if not archive.refusal(packages):
            return {}
        refused = {package: why for package in packages if (why := archive.refusal([package]))}
        rest = [package for package in packages if package not in refused]
        together = archive.refusal(rest) if rest else ""
        return {**refused, **(dict.fromkeys(rest, together) if together else {})}

    def _refuse(self, lacking: list[str], packages: list[str], archive: apt.Archive, why: str) -> None:
        words = f"{host_system.INSTALL[System.APT]} {' '.join(packages)}"
        if apt.lists_are_stale(archive):
            words = f"sudo apt-get update && {words}"
        raise BootwrightError(f"{apt.listed(lacking)} {'is' if len(lacking) == 1 else 'are'} missing, and {why}", words)


def _save(home: Path, text: str) -> None:
    path = Path(stamp.stamp_path(str(home)))
    beside = path.with_suffix(".new")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        beside.replace(path)
    except OSError:
        tell(f"{path} cannot be written, so the next run looks for all programs again")


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    """Holds the lock on the set-up of home. The file sconsw itself carries it, so that no file is left behind.

    Of an installation it is a file beside the stamp.
    """
    with _open_to_lock(home) as stream:
        os.set_inheritable(stream.fileno(), True)
        wait_for_lock(stream.fileno(), lambda: tell("waiting for the set-up that another sconsw makes here"))
        yield


def _open_to_lock(home: Path) -> IO[bytes]:
    if not stamp.is_installed(str(home)):
        return (home / "sconsw").open("rb")
    path = Path(stamp.stamp_path(str(home))).with_suffix(".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")
    except OSError as error:
        hint = "the environment variable XDG_CACHE_HOME can name another place"
        raise BootwrightError(f"{error.filename or path} cannot be written: {error.strerror}", hint) from error
