"""The table of hosts, linker/hosts.toml: which linkers serve a host, and with which arguments."""

from __future__ import annotations

import difflib
import platform
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.cargo.toml import Table, read_toml, show

ARCHES = ("x86_64", "aarch64")
FORMATS = ("ELF", "PE", "Mach-O")
MARKS = ("PT_INTERP", "LC_LOAD_DYLINKER")
ALSO_CALLED = {"darwin": "macos", "mac": "macos", "osx": "macos", "win": "windows", "gnu": "linux"}
SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
LLD = ("ld.lld", "lld-link", "ld64.lld")  # found like rustc's other LLVM tools, not by their name on PATH alone
FILE = Path("linker", "hosts.toml")  # in the home of bootwright
EXAMPLE = "tests/kernels/hello-host"  # the directory of the program that is linked where KERNEL names none
FILES = ("{map}", "{dependencies}")
HOST_KEYS = ("triple", "format", "entry", "suffix", "support")
FLAVOURS = ("gcc", "ld", "ld.lld", "ld64.lld", "lld-link", "msvc")  # those of rustc -C linker-flavor that link here
LINKER_KEYS = ("programs", "builder", "flavour", "arguments", "build", "rustc", "directories", "allows")


@dataclass(frozen=True)
class Row:
    """One way to link a program for a host; the fields are those of linker/hosts.toml."""

    host: str
    arch: str
    linker: str
    triple: str
    format: str
    entry: str
    suffix: str
    support: bool
    programs: tuple[str, ...]
    builder: str
    flavour: str
    arguments: tuple[str, ...]
    build: tuple[str, ...]
    rustc: tuple[str, ...]
    directories: tuple[str, ...]
    allows: tuple[str, ...]

    @property
    def name(self) -> str:
        """The directory of its products."""
        return f"{self.host}-{self.arch}"

    def __str__(self) -> str:
        return f"{self.name} by {self.linker}"


@dataclass(frozen=True)
class Builder:
    """The machine that builds: its system and architecture, in the words of HOST= and ARCH=."""

    system: str
    arch: str


def this_builder() -> Builder:
    """Returns what this machine is; raises nothing: another system or architecture is just in no row."""
    machine = platform.machine()
    return Builder(SYSTEMS.get(sys.platform, sys.platform), MACHINES.get(machine.lower(), machine))


def read_rows(path: Path) -> tuple[Row, ...]:
    """Reads the table; raises BootwrightError with the file and the key for what does not belong there."""
    table = Table(path, "", read_toml(path))
    rows: list[Row] = []
    for host in table.values:
        facts = table.table(host)
        linkers = [key for key, value in facts.values.items() if isinstance(value, dict)]
        facts.only((*HOST_KEYS, *linkers))
        for arch in ARCHES:
            rows += [_row(facts, facts.table(linker), host, linker, arch) for linker in linkers]
    if not rows:
        raise BootwrightError(f"{path} has no row: a table [HOST] with a table [HOST.LINKER] in it")
    return tuple(rows)


def _row(host: Table, linker: Table, name: str, linker_name: str, arch: str) -> Row:
    linker.only(LINKER_KEYS)
    lists = {key: linker.strings(key) for key in ("programs", "arguments", "build", "rustc", "directories", "allows")}
    builder = linker.get("builder", str, "")
    if builder and builder not in SYSTEMS.values():
        raise linker.error("builder", f"is {show(builder)}, none of {', '.join(SYSTEMS.values())}")
    for key in ("arguments", "build"):
        for argument in lists[key]:
            unknown = [mark for mark in re.findall(r"\{\w*\}", argument) if mark not in FILES]
            if unknown:
                raise linker.error(key, f"holds {show(argument)}: {unknown[0]} is none of {', '.join(FILES)}")
    if not any("{map}" in argument for argument in lists["build"]):
        raise linker.error("build", "asks for no {map}, which the check of the product reads")
    for mark in lists["allows"]:
        if mark not in MARKS:
            raise linker.error("allows", f"holds {show(mark)}, none of {', '.join(MARKS)}")
    return Row(
        host=name, arch=arch, linker=linker_name, triple=_needed(host, "triple").replace("{arch}", arch),
        format=_one_of(host, "format", FORMATS), entry=_needed(host, "entry"), suffix=_suffix(host),
        support=host.get("support", bool, False), builder=builder,
        flavour=_one_of(linker, "flavour", FLAVOURS), **lists,
    )  # fmt: skip


def _suffix(table: Table) -> str:
    suffix = str(table.get("suffix", str, ""))
    if not re.fullmatch(r"(\.\w+)?", suffix) or suffix == ".map":
        raise table.error("suffix", f"is {show(suffix)}, not a dot and letters; .map is the linker's map")
    return suffix


def _needed(table: Table, key: str) -> str:
    value = table.get(key, str)
    if value is None:
        raise table.error(key, "is missing")
    return str(value)


def _one_of(table: Table, key: str, values: Sequence[str]) -> str:
    value = _needed(table, key)
    if value not in values:
        raise table.error(key, f"is {show(value)}, none of {', '.join(values)}")
    return value


def find_wanted(rows: Sequence[Row], host: str, arch: str, target: str, builder: Builder) -> tuple[Row, ...]:
    """Returns the rows of what HOST=, ARCH= and TARGET= ask for, in the table's order; none for another target.

    host and arch are the words of the command line, empty where they are not given; target is a triple, or empty.
    """
    if not host:
        if arch:
            raise BootwrightError(
                f"ARCH={arch} belongs to HOST=", f"HOST=native ARCH={arch}, or TARGET= for bare metal"
            )
        return tuple(row for row in rows if row.triple == target)
    system = builder.system if host == "native" else host
    found = tuple(row for row in rows if row.host == system and row.arch == (arch or builder.arch))
    if not found:
        raise _no_row(rows, host, arch, system, builder)
    if target and found[0].triple != target:
        raise BootwrightError(
            f"HOST={host} is {found[0].triple}, and TARGET={target} is not", "give one of the two, not both"
        )
    return found


def _no_row(rows: Sequence[Row], host: str, arch: str, system: str, builder: Builder) -> BootwrightError:
    known = list(dict.fromkeys(row.host for row in rows))
    if host != "native" and host not in known:
        near = ALSO_CALLED.get(host.lower()) or next(iter(difflib.get_close_matches(host.lower(), known, 1)), "")
        hint = f"did you mean HOST={near}?" if near else "a new host is a new table in linker/hosts.toml"
        return BootwrightError(f"HOST={host} is none of native, {', '.join(known)}", hint)
    asked = f"HOST={host}" + (f" ARCH={arch}" if arch else "")
    names = ", ".join(dict.fromkeys(row.name for row in rows))
    return BootwrightError(
        f"{asked} is {system}-{arch or builder.arch}, which linker/hosts.toml has no row for", f"it has {names}"
    )


def filter_rows(rows: Sequence[Row], host: str, arch: str, target: str, builder: Builder) -> tuple[Row, ...]:
    """Returns the rows that HOST=, ARCH= and TARGET= leave of the table, each of which may be empty."""
    system = builder.system if host == "native" else host
    left = tuple(
        row for row in rows
        if (not host or row.host == system) and (not arch or row.arch == arch) and (not target or row.triple == target)
    )  # fmt: skip
    if left:
        return left
    if target:
        raise BootwrightError(f"TARGET={target} is no triple of linker/hosts.toml that HOST= and ARCH= leave")
    raise _no_row(rows, host, arch, system, builder)


def obstacle(row: Row, builder: Builder, environ: Mapping[str, str]) -> str:
    """Returns why this builder cannot use the row's linker; "" where it can, or where only a search for lld tells."""
    if row.builder and row.builder != builder.system:
        return f"needs a builder with {row.builder}"
    if row.builder and row.arch != builder.arch:
        return f"needs a builder with {row.arch}"
    if row.programs and not set(row.programs) & set(LLD) and find_program(row, environ) is None:
        return f"{' or '.join(row.programs)} is not on PATH"
    return ""


def find_program(row: Row, environ: Mapping[str, str]) -> Path | None:
    """Returns the first of the row's programs that is on PATH."""
    for name in row.programs:
        found = shutil.which(name, path=environ.get("PATH", ""))
        if found:
            return Path(found)
    return None


def choose_row(rows: Iterable[Row], builder: Builder, environ: Mapping[str, str]) -> tuple[Row, str]:
    """Returns the first of the rows that can be used, and what this builder's own linker lacks ("" for nothing)."""
    reasons: list[str] = []
    lacks: list[str] = []
    for row in rows:
        reason = obstacle(row, builder, environ)
        if not reason:
            return row, "; ".join(lacks)
        reasons.append(f"{row.linker}: {reason}")
        lacks += [reason] if (row.builder, row.arch) == (builder.system, builder.arch) else []
    raise BootwrightError(f"nothing here links for that host: {'; '.join(reasons)}")


def linker_arguments(row: Row, directory: str, stem: str) -> list[str]:
    """Returns the arguments for rustc: its own, and the linker's; the files that the build reads are in directory."""
    files = dict(zip(FILES, (f"{directory}/{stem}.map", f"{directory}/link.d"), strict=True))
    words = []
    for argument in (*row.arguments, *row.build):
        for mark, file in files.items():
            argument = argument.replace(mark, file)
        words += ["-C", f"link-arg={argument}"]
    return ["-C", f"linker-flavor={row.flavour}", *row.rustc, *words]
