"""A kernel's Cargo.toml: what of it a build without Cargo needs, and a sentence for what needs Cargo.

Cargo's reference: https://doc.rust-lang.org/cargo/reference/manifest.html.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import kind
from bootwright.cargo.config import read_default_target as read_default_target
from bootwright.cargo.keys import check_profiles, unused_keys
from bootwright.cargo.limits import BOOTLOADER, refuse
from bootwright.cargo.metadata import (
    BootimageSettings,
    BootloaderSettings,
    BootwrightSettings,
    read_bootimage,
    read_bootloader,
    read_bootwright,
)
from bootwright.cargo.profiles import Profile, read_profiles
from bootwright.cargo.profiles import profiles_that_unwind as profiles_that_unwind
from bootwright.cargo.profiles import rustc_profile_flags as rustc_profile_flags
from bootwright.cargo.toml import NOT_YET, Table, read_toml, show

EDITIONS = ("2015", "2018", "2021", "2024")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_LINT_LEVELS = {"allow": "--allow", "warn": "--warn", "deny": "--deny", "forbid": "--forbid"}


@dataclass(frozen=True)
class Package:
    """One package. root is its directory, absolute; main, lib and tests are the roots of its crates.

    features are those that its default feature turns on, declared_features all, both sorted; profiles are keyed by our
    variants, debug and release; warnings are lines for the person; about holds what Cargo tells a crate of its package,
    by the rest of its CARGO_PKG_ name.
    """

    name: str
    edition: str
    root: Path
    main: Path | None
    lib: Path | None
    lib_name: str
    tests: tuple[Path, ...]
    features: tuple[str, ...]
    declared_features: tuple[str, ...]
    profiles: Mapping[str, Profile]
    lint_flags: tuple[str, ...]
    bootloader: BootloaderSettings
    bootimage: BootimageSettings
    bootwright: BootwrightSettings
    depends_on_bootloader: bool
    bootloader_features: tuple[str, ...]
    warnings: tuple[str, ...]
    about: Mapping[str, str]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The globs of files that its crates read beside their own directories."""
        return self.bootwright.inputs

    @property
    def env(self) -> tuple[str, ...]:
        """The names of variables of the person's environment that its crates may read."""
        return self.bootwright.env

    def cfg_flags(self) -> list[str]:
        """Returns rustc's arguments for the features, those that rustc may ask for (else it warns), and [lints]."""
        declared = ", ".join(f'"{feature}"' for feature in self.declared_features)
        known = ["--check-cfg=cfg(docsrs,test)", f"--check-cfg=cfg(feature, values({declared}))"]
        return [*(f'--cfg=feature="{feature}"' for feature in self.features), *known, *self.lint_flags]

    def input_files(self) -> list[Path]:
        """Returns the files that inputs name now, absolute and sorted."""
        found = {Path(os.path.normpath(path)) for pattern in self.inputs for path in self.root.glob(pattern)}
        files = sorted(path for path in found if not path.is_dir())
        for path in files:
            hint = f"inputs in {self.root / 'Cargo.toml'} names it"
            try:
                what = kind(path.stat().st_mode)
            except OSError as error:
                raise BootwrightError(f"{path} cannot be read: {error.strerror}", hint) from error
            if what:
                raise BootwrightError(f"{path} is {what}, no regular file", hint)
        return files

    def environment(self, crate_name: str | None = None) -> dict[str, str]:
        """Returns the variables that Cargo sets when it compiles the crate of that name (default: the program)."""
        crate = crate_name or self.name.replace("-", "_")
        return {
            **{f"CARGO_PKG_{name}": value for name, value in self.about.items()},
            "CARGO_MANIFEST_DIR": str(self.root),
            "CARGO_MANIFEST_PATH": str(self.root / "Cargo.toml"),
            "CARGO_CRATE_NAME": crate,
            "CARGO_PRIMARY_PACKAGE": "1",
            **({"CARGO_BIN_NAME": self.name} if crate_name is None else {}),
        }


def read_package(directory: Path) -> Package:
    """Reads the package in directory; raises BootwrightError for a mistake, and for what only Cargo can build."""
    root = directory.absolute()
    path = root / "Cargo.toml"
    if root.is_file():
        hint = f"KERNEL={root.parent}" if root.name == path.name else "it is the one with Cargo.toml in it"
        raise BootwrightError(f"{root} is a file; KERNEL= takes the package's directory", hint)
    if not path.is_file():
        hint = "KERNEL= names the directory of a Cargo package; `cargo new --bin NAME` makes one"
        raise BootwrightError(f"{root} has no Cargo.toml", hint)
    manifest = Table(path, "", read_toml(path))
    refuse(manifest, root)
    check_profiles(manifest.table("profile"))
    package = manifest.table("package")
    metadata = package.table("metadata")
    name = _name(package)
    edition = package.get("edition", str, EDITIONS[0])
    if edition not in EDITIONS:
        raise package.error("edition", f"is {show(edition)}, not one of {', '.join(EDITIONS)}")
    library = manifest.table("lib")
    bootimage, warnings = read_bootimage(metadata.table("bootimage"))
    return Package(
        name=name,
        edition=edition,
        root=root,
        main=_main(manifest, package, root, name),
        lib=_existing(library, root, "src/lib.rs"),
        lib_name=_lib_name(library, name),
        tests=_tests(manifest, package, root),
        features=_features(manifest.table("features")),
        declared_features=tuple(sorted(manifest.table("features").values)),
        profiles=read_profiles(manifest.table("profile")),
        lint_flags=_lint_flags(manifest.table("lints")),
        bootloader=read_bootloader(metadata.table("bootloader")),
        bootimage=bootimage,
        bootwright=read_bootwright(metadata.table("bootwright")),
        depends_on_bootloader=BOOTLOADER in manifest.table("dependencies").values,
        bootloader_features=_bootloader_features(manifest.table("dependencies")),
        warnings=(*unused_keys(manifest), *warnings),
        about=_about(package, root, name),
    )


def _bootloader_features(dependencies: Table) -> tuple[str, ...]:
    """Returns the features of the crate bootloader that the manifest names: what Cargo would resolve without others."""
    if not isinstance(dependencies.values.get(BOOTLOADER), dict):
        return ()
    return dependencies.table(BOOTLOADER).strings("features")


def _name(package: Table) -> str:
    name = package.get("name", str)
    if name is None:
        raise package.error("name", "is missing")
    if not (name[:1] + name[1:].replace("-", "_")).isidentifier():  # XID, as Cargo has it
        raise package.error("name", f"is {show(name)}: only letters, digits, - and _ make a name")
    return str(name)


def _lib_name(library: Table, name: str) -> str:
    """Returns the library's name; rustc, which Cargo leaves this to, takes an identifier alone."""
    own = library.get("name", str)
    if own is not None and not own.isidentifier():
        raise library.error("name", f"is {show(own)}: only letters, digits and _ make the name of a library")
    return (own or name).replace("-", "_")


def _existing(table: Table, root: Path, default: str) -> Path | None:
    """Returns the crate root that the table's path names, else the one at default, or None where there is none."""
    path = table.get("path", str)
    if path is not None and not (root / path).is_file():
        raise table.error("path", f"is {show(path)}, and there is no such file")
    if path is None and table.values and not (root / default).is_file():
        raise table.error("path", f"is missing, and there is no file {default}")
    found = root / (path or default)
    return found if found.is_file() else None


def _main(manifest: Table, package: Table, root: Path, name: str) -> Path | None:
    """Returns the root of the program: the [[bin]] or src/main.rs; of several the one that default-run names."""
    programs: dict[str, Path] = {}
    for table in manifest.tables("bin"):
        own = table.get("name", str, name)
        beside = [f"src/bin/{own}.rs", f"src/bin/{own}/main.rs"]
        default = next((word for word in beside if (root / word).is_file()), "src/main.rs")
        path = _existing(table, root, default)
        if path is not None:
            programs[own] = path
    if package.get("autobins", bool, True):
        found = [(name, root / "src" / "main.rs")]
        found += [(path.stem, path) for path in sorted((root / "src" / "bin").glob("*.rs"))]
        for own, path in found:
            if path.is_file() and path not in programs.values():
                programs.setdefault(own, path)
    chosen = package.get("default-run", str)
    if chosen is not None and chosen not in programs:
        raise package.error("default-run", f"is {show(chosen)}, and there is no program of that name")
    if chosen is None and len(programs) > 1 and name not in programs:
        words = f"is missing, and there are {len(programs)} programs: {', '.join(programs)}"
        raise package.error("default-run", words, "it names the one that is the kernel")
    return programs.get(chosen or name) or next(iter(programs.values()), None)


def _tests(manifest: Table, package: Table, root: Path) -> tuple[Path, ...]:
    """Returns the roots of the test programs: each of [[test]], and, unless autotests says no, each of tests/*.rs."""
    found: dict[Path, None] = {}
    for table in manifest.tables("test"):
        name = table.get("name", str)
        if name is None:
            raise table.error("name", "is missing")
        path = _existing(table, root, f"tests/{name}.rs")
        if path is not None:
            found[path] = None
    if package.get("autotests", bool, True):
        found |= dict.fromkeys(path for path in (root / "tests").glob("*.rs") if path.is_file())
    return tuple(sorted(found))


def _features(table: Table) -> tuple[str, ...]:
    """Returns all that the feature default turns on, without itself."""
    seen: set[str] = set()
    wanted = ["default"] if "default" in table.values else []
    while wanted:
        feature = wanted.pop()
        if feature in seen:
            continue
        seen.add(feature)
        for word in table.strings(feature):
            if word.startswith("dep:") or "/" in word:
                raise table.error(feature, f'turns on "{word}" of a dependency; {NOT_YET}')
            if word not in table.values:
                raise table.error(feature, f'turns on "{word}", and there is no such feature')
            wanted.append(word)
    # Cargo tells the crate of "default" too, where there is one.
    return tuple(sorted(seen))


def _lint_flags(lints: Table) -> tuple[str, ...]:
    """Returns rustc's arguments for [lints.rust] and [lints.clippy] (which rustc passes over), sorted as Cargo does."""
    if "workspace" in lints.values:
        raise lints.error("workspace", f"inherits from a workspace; {NOT_YET}")
    found, more = [], []
    for tool, prefix in (("rust", ""), ("clippy", "clippy::")):
        table = lints.table(tool)
        for name, value in table.values.items():
            lint = Table(table.path, f"{table.name}.{name}", value if isinstance(value, dict) else {"level": value})
            level = lint.get("level", str, "")
            if level not in _LINT_LEVELS:
                raise lint.error("level", f"is {show(level)}, not one of {', '.join(_LINT_LEVELS)}")
            found.append((lint.get("priority", int, 0), name, f"{_LINT_LEVELS[level]}={prefix}{name}"))
            more += [f"--check-cfg={cfg}" for cfg in lint.strings("check-cfg")]
    # Of equal priority the last in the alphabet comes first.
    found.sort(key=lambda lint: lint[1], reverse=True)
    found.sort(key=lambda lint: lint[0])
    return (*(flag for _, _, flag in found), *more)


def _about(package: Table, root: Path, name: str) -> dict[str, str]:
    """Returns what Cargo sets as CARGO_PKG_...: https://doc.rust-lang.org/cargo/reference/environment-variables.html."""
    version = package.get("version", str, "0.0.0")
    parts = _VERSION.fullmatch(version)
    if parts is None:
        raise package.error("version", f'is "{version}", no version such as 0.1.0')
    readme = package.values.get("readme")
    if readme in (None, True):
        readme = next((word for word in ("README.md", "README.txt", "README") if (root / word).is_file()), "")
    texts = ("description", "homepage", "repository", "license", "license-file", "rust-version")
    return {
        "NAME": name,
        "VERSION": version,
        "VERSION_MAJOR": parts[1],
        "VERSION_MINOR": parts[2],
        "VERSION_PATCH": parts[3],
        "VERSION_PRE": parts[4] or "",
        "AUTHORS": ":".join(package.strings("authors")),
        "README": readme if isinstance(readme, str) else "",
        **{key.upper().replace("-", "_"): package.get(key, str, "") for key in texts},
    }
