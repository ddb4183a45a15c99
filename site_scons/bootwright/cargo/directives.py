"""What a build script says on its stdout, and where it goes: into the words and variables of the units that get it.

https://doc.rust-lang.org/cargo/reference/build-scripts.html#outputs-of-the-build-script
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bootwright.base.errors import BootwrightError
from bootwright.cargo.units import Unit, mark_for

# Directive -> whether cargo gives the argument to a unit of that kind; the unit's package is the script's own.
LINK_ARGS = {
    "rustc-link-arg": ("lib", "proc-macro", "bin", "test", "example", "bench", "custom-build"),
    "rustc-link-arg-bins": ("bin",),
    "rustc-link-arg-tests": ("test",),
    "rustc-link-arg-examples": ("example",),
    "rustc-link-arg-benches": ("bench",),
}
FOR_ONE = "rustc-link-arg-bin"
KIND_OF = {
    "rustc-link-arg-bins": "bin", FOR_ONE: "bin", "rustc-link-arg-tests": "test", "rustc-link-arg-examples": "example",
    "rustc-link-arg-benches": "bench",
}  # fmt: skip
OF_CDYLIB = ("rustc-link-arg-cdylib", "rustc-cdylib-link-arg")  # a crate type that no plan has
SEE = "https://doc.rust-lang.org/cargo/reference/build-scripts.html has what cargo takes"
UNINTENDED = (
    "Allowing this was an unintended change in the 1.50 release, and may become an error in the future. For more "
    "information, see <https://github.com/rust-lang/cargo/issues/9562>."
)
NO_BOOTSTRAP = (
    "note: crates cannot set `RUSTC_BOOTSTRAP` themselves, as doing so would subvert the stability guarantees of Rust "
    "for your project."
)


@dataclass
class Directives:
    """What one script said, in its order. link_args are directive and argument; metadata goes to who depends on it."""

    cfgs: list[str] = field(default_factory=list)
    check_cfgs: list[str] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    link_args: list[tuple[str, str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    syntax: dict[str, str] = field(default_factory=dict)  # of a linker's argument: what stood before its key

    @property
    def declares(self) -> bool:
        """Says whether the script told what it depends on; else it is any file of its package."""
        return bool(self.files or self.variables)


def read_directives(said: str, package: str = "a package") -> Directives:
    """Reads what the build script of package wrote to its stdout; lines that are no directives are its own.

    Raises for what cargo refuses, in its words.
    """
    found = Directives()
    for text in said.split("\n"):
        line = text.strip()
        if line.startswith("cargo::"):
            key, value = _parted(line, line.removeprefix("cargo::"), "cargo::KEY=VALUE", package)
            if key == "metadata":
                key, value = _parted(line, value, "cargo::metadata=KEY=VALUE", package)
                found.metadata[key] = value
            elif not _take(found, "cargo::", key, value, package):
                raise BootwrightError(f"a build script says `{line}`: there is no such key as {key}", SEE)
        elif line.startswith("cargo:"):
            key, value = _parted(line, line.removeprefix("cargo:"), "cargo:KEY=VALUE", package)
            if key == "error" or not _take(found, "cargo:", key, value, package):
                found.metadata[key] = value
    return found


def _parted(line: str, text: str, form: str, package: str) -> tuple[str, str]:
    """Returns key and value of a directive, of whose line text is the rest."""
    key, sign, value = text.partition("=")
    if not sign:
        what = f"Expected a line with `{form}` with an `=` character, but none was found."
        raise BootwrightError(f"invalid output in build script of `{package}`: `{line}`\n{what}", SEE)
    return key, value


def _take(found: Directives, syntax: str, key: str, value: str, package: str) -> bool:
    """Adds one directive; returns whether key is one."""
    simple = {
        "rustc-cfg": found.cfgs, "rustc-check-cfg": found.check_cfgs, "rustc-link-search": found.searches,
        "rustc-link-lib": found.libraries, "rerun-if-changed": found.files, "rerun-if-env-changed": found.variables,
        "warning": found.warnings, "error": found.errors,
    }  # fmt: skip
    whose = f"build script of `{package}`"
    if key in simple:
        simple[key].append(value)
    elif key in LINK_ARGS or key == FOR_ONE:
        if key == FOR_ONE and "=" not in value:
            form = f"The instruction should have the form {syntax}{key}=BIN=ARG"
            raise BootwrightError(f"invalid instruction `{syntax}{key}={value}` from {whose}\n{form}")
        found.link_args.append((key, value))
        found.syntax[key] = syntax
    elif key == "rustc-env":
        name, sign, text = value.partition("=")
        if not sign:
            raise BootwrightError(f"Variable rustc-env has no value in {whose}: {value}")
        if name == "RUSTC_BOOTSTRAP":
            found.warnings.append(f"cannot set `{value}` from {whose}.\n{NO_BOOTSTRAP}")
        else:
            found.environment[name] = text
    elif key == "rustc-flags":
        _take_flags(found, value, whose)
    elif key in OF_CDYLIB:
        what = "but that package does not contain a cdylib target"
        found.warnings.append(f"{syntax}{key} was specified in the build script of {package}, {what}\n\n{UNINTENDED}")
    else:
        return False
    return True


def _take_flags(found: Directives, value: str, whose: str) -> None:
    """Takes the words of rustc-flags, which are -L and -l alone, each with its value joined or apart."""
    rest = iter(value.split())
    for word in rest:
        kind, own = word[:2], word[2:] or next(rest, "")
        if kind not in ("-L", "-l"):
            raise BootwrightError(f"only `-l` and `-L` flags are allowed in {whose}: `{value}`")
        if not own:
            raise BootwrightError(f"flag in rustc-flags has no value in {whose}: {value}")
        (found.searches if kind == "-L" else found.libraries).append(own)


def check_targets(said: Directives, package: str, targets: Iterable[tuple[str, str]]) -> None:
    """Raises for a linker's argument that is for targets which package has not; targets are kinds and names."""
    known = {*targets}
    kinds = {kind for kind, _ in known}
    for key, argument in said.link_args:
        kind = KIND_OF.get(key, "")
        name = argument.partition("=")[0]
        if (kind in kinds and (key != FOR_ONE or (kind, name) in known)) or not kind:
            continue
        where = f" with the name `{name}`" if key == FOR_ONE else ""
        what = f"The package {package} does not have a {kind} target{where}."
        raise BootwrightError(f"invalid instruction `{said.syntax[key]}{key}` from build script of `{package}`\n{what}")


def expand_words(unit: Unit, said: Mapping[str, Directives]) -> list[str]:
    """Returns the unit's arguments with each script's directives, by its name in said, in the place of its mark."""
    marks = {mark_for(name): said[name] for name in unit.scripts}
    if not marks:
        return list(unit.argv)
    words: list[str] = []
    pending = ""
    for word in unit.argv:
        mark = next((mark for mark in marks if mark in word), "")
        if word in ("--cfg", "--check-cfg", "-L", "-l", "-C") and not pending:
            pending = word
            continue
        if mark:
            words += _of_kind(unit, pending, word, marks[mark])
        else:
            words += [pending, word] if pending else [word]
        pending = ""
    return [*words, pending] if pending else words


def _of_kind(unit: Unit, option: str, word: str, said: Directives) -> list[str]:
    if option == "-C":
        values = [f"link-arg={_argument(key, text)}" for key, text in said.link_args if _applies(key, text, unit)]
    else:
        values = {"--cfg": said.cfgs, "--check-cfg": said.check_cfgs, "-L": said.searches, "-l": said.libraries}[option]
    return [text for value in values for text in (option, value)]


def _argument(key: str, text: str) -> str:
    return text.partition("=")[2] if key == FOR_ONE else text


def _applies(key: str, argument: str, unit: Unit) -> bool:
    if key == FOR_ONE:
        return unit.kind == "bin" and argument.startswith(f"{unit.target}=")
    return unit.kind in LINK_ARGS[key]


def expand_environment(unit: Unit, said: Mapping[str, Directives]) -> dict[str, str]:
    """Returns the unit's variables with what its scripts set, and with DEP_NAME_KEY for their metadata."""
    marks = {mark_for(name): said[name] for name in unit.scripts}
    found: dict[str, str] = {}
    for name, value in unit.environment.items():
        mark = next((mark for mark in marks if name.endswith(mark)), "")
        if not mark:
            found[name] = value
        elif name == mark:
            found |= marks[mark].environment
        else:
            prefix = name.removesuffix(mark)
            found |= {prefix + _envify(key): text for key, text in marks[mark].metadata.items()}
    return found


def _envify(key: str) -> str:
    return key.upper().replace("-", "_")


def search_directories(names: Iterable[str], said: Mapping[str, Directives]) -> list[str]:
    """Returns the directories that scripts add to where libraries are searched, without their kinds."""
    found = []
    for name in names:
        for word in said[name].searches:
            kind, _, path = word.partition("=")
            found.append(path if kind in ("dependency", "crate", "native", "framework", "all") else word)
    return [os.path.normpath(path) for path in dict.fromkeys(found)]
