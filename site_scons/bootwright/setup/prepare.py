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

from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import wait_for_lock
from bootwright.loader import build as loader
from bootwright.rust import search as toolchain
from bootwright.rust.migrate import find_target
from bootwright.setup import apt, stamp
from bootwright.setup import packagers as host_system
from bootwright.setup import programs as hostprograms
from bootwright.setup import venv as dotvenv
from bootwright.setup.installer import tell
from bootwright.setup.programs import PROGRAMS, System


def prepare(wanted: stamp.Wanted) -> int:
    """Makes what is missing; returns 0, or prints one sentence and returns the exit status."""
    try:
        with _lock(Path(wanted.home)):
            if not stamp.is_valid(wanted):  # another sconsw may have done all while this one waited
                _set_up(wanted)
    except BootwrightError as error:
        tell(str(error))
        return error.status
    except KeyboardInterrupt:
        tell("interrupted; the next run goes on from here")
        return 130
    return 0


def _set_up(wanted: stamp.Wanted) -> None:
    home = Path(wanted.home)
    before = stamp.found_before(wanted)  # so that run and test, in turn, do not forget each other's programs
    search = _find(wanted)
    lacks_ensurepip = not stamp.venv_is_valid(wanted) and not dotvenv.can_be_made(wanted.environ)
    if search.missing or lacks_ensurepip:
        _install(wanted, search, lacks_ensurepip)
        search = _find(wanted)
        hopeless = [name for name in search.missing if PROGRAMS[name].essential]
        if hopeless:
            raise search.missing[hopeless[0]]
    if not stamp.venv_is_valid(wanted):
        dotvenv.make(home, wanted.environ)
    known = {**before, **{name: str(path) for name, path in search.found.items()}, **_cores(wanted, search)}
    _save(home, stamp.write(wanted, known))


def _find(wanted: stamp.Wanted) -> hostprograms.Search:
    if not wanted.programs:
        return hostprograms.Search()
    variables = dict(argument.split("=", 1) for argument in wanted.arguments if "=" in argument)
    kernel = Path(variables.get("KERNEL") or Path(wanted.home) / "kernel").absolute()
    target = _target(wanted, variables)
    return hostprograms.find_programs(wanted.programs, kernel, wanted.environ, variables.get("RUSTC"), target)


def _target(wanted: stamp.Wanted, variables: Mapping[str, str]) -> str:
    """Returns what the build will want core for: the triple, or the path of a JSON file, seen from here."""
    host, arch, word = (variables.get(name, "") for name in ("HOST", "ARCH", "TARGET"))
    if stamp.is_hosted(wanted.arguments):
        from bootwright.hosts import table

        rows = table.read_rows(Path(wanted.home) / table.FILE)
        return (table.find_wanted(rows, host, arch, word, table.this_builder()) or rows)[0].triple
    if not word:
        return loader.TARGET
    target = find_target(word, Path.cwd())
    return str(target.spec or target.name)


def _cores(wanted: stamp.Wanted, search: hostprograms.Search) -> dict[str, str]:
    """Returns what the stamp says of the compiler that was looked for: which targets it serves."""
    rustc = search.found.get("rustc")
    if rustc is None or search.toolchain is None:
        return {}
    any_core = stamp.ANY_CORE if toolchain.find_rust_src(search.toolchain) else stamp.core_name(wanted.arguments)
    return {any_core: str(rustc)}


def _install(wanted: stamp.Wanted, search: hostprograms.Search, lacks_ensurepip: bool) -> None:
    """Installs what search misses where sconsw may; else raises, or tells for what only some tests need."""
    if search.final:
        raise search.final
    system = host_system.this_system(wanted.environ)
    # A component of a toolchain that rustup manages is rustup's to bring, and sconsw never touches rustup.
    mine = [
        n
        for n in search.missing
        if system is System.APT and not (hostprograms.of_rustup(search.toolchain) and n in ("rustfmt", "clippy-driver"))
    ]
    others = [n for n in search.missing if n not in mine]
    packages: list[str] = []
    if mine or lacks_ensurepip:
        packages = _install_by_apt(wanted, search, mine, lacks_ensurepip, system)
    if others:
        words = host_system.command(others, system, packages, hostprograms.has_rustup(search, wanted.environ))
        if any(PROGRAMS[name].essential for name in others):
            raise BootwrightError(f"{_listed(others)} {_is(others)} missing", words)
        result = " and ".join(dict.fromkeys(PROGRAMS[name].lacking for name in others))
        tell(f"{_listed(others)} {_is(others)} missing, so {result}; to get {_them(others)}: {words}")


def _install_by_apt(
    wanted: stamp.Wanted, search: hostprograms.Search, names: list[str], lacks_ensurepip: bool, system: System
) -> list[str]:
    if lacks_ensurepip and system is not System.APT:
        raise BootwrightError(
            f"{dotvenv.base_python()} has no module ensurepip, which `python3 -m venv` needs",
            "install uv, or a Python that has it, or your system's package of ensurepip or venv",
        )
    archive = apt.Archive(wanted.environ)
    root = apt.as_root(wanted.environ)
    installer = apt.Apt(wanted.environ, root or [], tell)
    if root is not None and apt.lists_are_stale(archive):
        installer.update("its lists of packages are missing or old")
    llvm = int(search.toolchain.llvm_version.split(".")[0]) if search.toolchain else None
    packages = apt.packages_for(archive, names, llvm)
    if lacks_ensurepip:
        packages.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    if root is None:
        lacking = [*names, "ensurepip"] if lacks_ensurepip else names
        words = f"{host_system.INSTALL[System.APT]} {' '.join(packages)}"
        if apt.lists_are_stale(archive):
            words = f"sudo apt-get update && {words}"
        raise BootwrightError(f"{_listed(lacking)} {_is(lacking)} missing, and sconsw is not root here", words)
    installer.install(packages)
    return packages


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


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
    """Holds the lock on the set-up of home. The file sconsw itself carries it, so that no file is left behind."""
    with (home / "sconsw").open("rb") as stream:
        os.set_inheritable(stream.fileno(), True)
        wait_for_lock(stream.fileno(), lambda: tell("waiting for the set-up that another sconsw makes here"))
        yield
