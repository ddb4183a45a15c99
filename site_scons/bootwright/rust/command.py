"""rustc's command line for a crate that no plan of cargo's has: core, the loaders, what tests and tools compile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bootwright.base.records import record
from bootwright.rust.library import is_custom


@record(frozen=True)
class Link:
    """How a program is linked, by an lld of ELF: its path, a linker script, and more words for it."""

    linker: Path
    words: Sequence[str] = ()
    script: Path | None = None

    def for_rustc(self) -> list[str]:
        """Returns what rustc is told."""
        script = [f"-T{self.script.as_posix()}"] if self.script else []
        words = [f"-Clink-arg={word}" for word in (*script, *self.words)]
        return [f"-Clinker={self.linker}", "-Clinker-flavor=ld.lld", *words]


def target_words(target: str) -> list[str]:
    """Returns the words for a target: a triple, or the path of a specification, which is unstable."""
    return ["--target", target, *(["-Zunstable-options"] if is_custom(target) else [])]


def crate_words(
    name: str, source: Path | str, kind: str, *, edition: str = "2024", target: str = "", sysroot: Path | None = None,
    emit: str = "", flags: Sequence[str] = (), cfgs: Sequence[str] = (), externs: Mapping[str, Path] | None = None,
    link: Link | None = None, names: Mapping[Path, str] | None = None, output: Path | None = None,
    directory: Path | None = None,
) -> list[str]:  # fmt: skip
    """Returns what rustc is told to compile the crate name, of a kind such as rlib or bin, from source ("-": stdin).

    target is "" for the builder's own, sysroot None for rustc's. flags are words as they are, emit a list with commas.
    externs are the crates that it may use, each with its file; names what its bytes call directories. The product is
    the file output, or lies under rustc's own name in directory.
    """
    return [
        "--crate-name", name, str(source), f"--edition={edition}", *(target_words(target) if target else []),
        *([f"--sysroot={sysroot}"] if sysroot else []), f"--crate-type={kind}", *([f"--emit={emit}"] if emit else []),
        *flags, *(word for cfg in cfgs for word in ("--cfg", cfg)),
        *(f"--extern={crate}={path}" for crate, path in (externs or {}).items()), *(link.for_rustc() if link else []),
        *(f"--remap-path-prefix={path}={text}" for path, text in (names or {}).items()),
        *(["-o", str(output)] if output else []), *(["--out-dir", str(directory)] if directory else []),
    ]  # fmt: skip
