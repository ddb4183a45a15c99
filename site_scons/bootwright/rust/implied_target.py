"""The target of a package that names none where cargo would look: what its files have words for, where that is one.

An author whose Makefile or xtask says --target has it nowhere in cargo's configuration. But words for one bare machine
alone mean it: a table [target.TRIPLE] of the configuration, targets of the toolchain file, a specification beside
Cargo.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_text
from bootwright.cargo.config import Configuration
from bootwright.rust.library import is_bare

TOOLCHAIN_FILES = ("rust-toolchain", "rust-toolchain.toml")


def implied_target(configuration: Configuration, tell: Callable[[str], None]) -> str:
    """Returns the one target that files of the package imply, which a line tells; "" where none or several are."""
    directory = configuration.directory
    tables = {leaf.key[1]: leaf.path for leaf in configuration.leaves() if leaf.key[0] == "target"}
    sources: tuple[Iterable[tuple[str, str]], ...] = (
        ((triple, f"{path} has words for it") for triple, path in tables.items() if is_bare(triple)),
        _of_toolchain_file(directory),
        ((str(path), "it is the only specification there") for path in _specifications(directory)),
    )
    for source in sources:
        found = dict(source)
        if len(found) == 1:
            [(target, why)] = found.items()
            tell(f"TARGET={target}, since {why} and nothing names a target; TARGET= does")
            return target
        if found:
            return ""
    return ""


def _of_toolchain_file(directory: Path) -> Iterator[tuple[str, str]]:
    """Yields the bare targets of the toolchain file that counts in directory; one that is none rustup names."""
    for place in (directory, *directory.parents):
        for name in TOOLCHAIN_FILES:
            path = place / name
            if path.is_file():
                from bootwright.rust.toolchain_file import read_toolchain_file  # most packages have none

                try:
                    targets = read_toolchain_file(path).targets
                except BootwrightError:
                    return
                yield from ((triple, f"{path} wants it alone") for triple in targets if is_bare(triple))
                return


def _specifications(directory: Path) -> Iterator[Path]:
    """Yields the JSON files of directory that are specifications of targets."""
    for path in sorted(directory.glob("*.json")):
        try:
            if '"llvm-target"' in read_text(path):
                yield path
        except (OSError, BootwrightError):
            continue
