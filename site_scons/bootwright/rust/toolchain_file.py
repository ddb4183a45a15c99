"""The files rust-toolchain and rust-toolchain.toml: what they ask for, and what of it a toolchain of rustup's lacks.

Format: https://rust-lang.github.io/rustup/overrides.html, tried with rustup 1.29. rustup itself reads the file when it
chooses; here it is read for what it names beside the channel, and for a machine without rustup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import attempt
from bootwright.base.regular import read_text
from bootwright.cargo.toml import Table, read_toml

LEGACY = "rust-toolchain"  # in which one line is the name of a toolchain; more lines, or .toml, are TOML


@dataclass(frozen=True)
class Wanted:
    """What the file at path asks for; channel or directory is empty where it does not say."""

    path: Path
    channel: str = ""
    directory: str = ""
    profile: str = ""
    components: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Returns all of it as words."""
        words = [f"the toolchain in {self.directory}" if self.directory else self.channel or "rustup's default"]
        words += [f"profile {self.profile}"] if self.profile else []
        for kind, names in (("component", self.components), ("target", self.targets)):
            if names:
                words.append(f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names)}")
        return "; ".join(words)


def read_toolchain_file(path: Path) -> Wanted:
    """Reads the file; raises BootwrightError where rustup would not take it either."""
    if path.name == LEGACY:
        try:
            lines = read_text(path).strip().splitlines()
        except FileNotFoundError as error:
            raise BootwrightError(f"{path} cannot be read: {error.strerror}") from error
        if not lines:
            raise BootwrightError(f"{path} is empty", "one word such as stable or nightly, or a table [toolchain]")
        if len(lines) == 1:
            return Wanted(path, lines[0].strip())
    table = Table(path, "", read_toml(path)).table("toolchain")
    wanted = Wanted(
        path,
        table.get("channel", str, ""),
        table.get("path", str, ""),
        table.get("profile", str, ""),
        table.strings("components"),
        table.strings("targets"),
    )
    if not table.values:
        raise BootwrightError(f"{path} has no table [toolchain] that says anything", 'channel = "stable", for one')
    return wanted


def check_installed(rustup: Path, name: str, wanted: Wanted, environ: Mapping[str, str]) -> None:
    """Raises, with rustup's commands, if its toolchain of that name lacks a component or a target of the file."""
    lacking: list[str] = []
    commands: list[str] = []
    for kind, names in (("component", wanted.components), ("target", wanted.targets)):
        if not names:
            continue
        listed = attempt([str(rustup), kind, "list", "--installed", "--toolchain", name], env=environ)
        if listed.status:
            continue  # a toolchain that a person linked has what it has
        installed = {word.split()[0] for word in listed.stdout.splitlines() if word.strip()}
        missing = [word for word in names if not _is_installed(word, installed)]
        if missing:
            lacking.append(f"{kind}{'s' if len(missing) > 1 else ''} {', '.join(missing)}")
            commands.append(f"rustup {kind} add {' '.join(missing)} --toolchain {name}")
    if lacking:
        raise BootwrightError(
            f"{wanted.path} names {' and '.join(lacking)}, which toolchain {name} has not installed",
            "; then ".join(commands),
        )


def _is_installed(word: str, installed: set[str]) -> bool:
    """Tells whether a component or a target is there: rustup lists most components with their host's triple."""
    listed = re.compile(re.escape(word.removesuffix("-preview")) + r"(-preview)?(-\w+-\w+.*)?")
    return any(listed.fullmatch(name) for name in installed)
