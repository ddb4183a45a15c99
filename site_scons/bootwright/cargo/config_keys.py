"""What becomes of each key of cargo's configuration in a build here: the one table, which docs/kernel.md points to.

OBEYED: cargo obeys it while it plans, or fetches by it, or the build does itself. HARMLESS: it says nothing about what
a build makes. Every other key has the end of a line that is told when somebody sets it, in a file or by its variable. A
key that is not here is told as well.
https://doc.rust-lang.org/cargo/reference/config.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bootwright.base.records import record
from bootwright.cargo.config import Configuration
from bootwright.cargo.toml import show

OBEYED = "obeyed"
HARMLESS = "harmless"
REST = "**"  # at the end of a pattern: whatever follows, or nothing
FLAG_VARIABLES = ("CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS")  # the first that there is beats all that files say
WRAPPER = "is not used: what was compiled is kept in the store"
# Names of [env] by which nobody sets anything for cargo, which has read its own variables before.
OF_CARGO = {
    *FLAG_VARIABLES, "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR", "CARGO_INCREMENTAL", "RUSTC",
    "RUSTC_WRAPPER",
}  # fmt: skip
CORE = "has no effect: core and alloc are made here once for all kernels, with memory functions and no other feature"
CORE_FEATURES = ["compiler-builtins-mem"]  # what build-std-features may hold: our core has it

RUNNERS = ("bootimage runner", "bootwright runner")  # which do for cargo what run and test do


@record(frozen=True)
class Key:
    """One key or a pattern of keys, * for one part; becomes is OBEYED, HARMLESS or the end of a line.

    variables are names of its own beside CARGO_ and the key. only_for are the targets of scons of which alone the line
    speaks; unless are values of which it does not.
    """

    name: str
    becomes: str
    variables: tuple[str, ...] = ()
    only_for: tuple[str, ...] = ()
    unless: tuple[Any, ...] = ("", [], False)

    @property
    def parts(self) -> list[str]:
        """Its parts."""
        return self.name.split(".")

    @property
    def is_told(self) -> bool:
        """Says whether a line is told of it."""
        return self.becomes not in (OBEYED, HARMLESS)

    def fits(self, key: Sequence[str]) -> bool:
        """Says whether it is the key with these parts, or a pattern that is."""
        parts = self.parts
        if parts[-1] == REST:
            parts, key = parts[:-1], key[: len(parts) - 1]
        return len(parts) == len(key) and all(part in ("*", one) for part, one in zip(parts, key, strict=True))


KEYS = (
    Key("alias.**", HARMLESS),  # a word of cargo's own
    Key("build.build-dir", "has no effect: what is made lies below build/"),
    Key("build.dep-info-basedir", HARMLESS),
    Key("build.incremental", OBEYED),
    Key("build.jobs", "has no effect: -j says how many steps run at once"),
    Key("build.rustc", "is not used: RUSTC= names the compiler", ("RUSTC",)),
    Key("build.rustc-wrapper", WRAPPER, ("RUSTC_WRAPPER",), unless=("", "bootwright-rustc")),
    Key("build.rustc-workspace-wrapper", WRAPPER, ("RUSTC_WORKSPACE_WRAPPER",)),
    Key("build.rustdoc", HARMLESS),
    Key("build.rustdocflags", HARMLESS),
    Key("build.rustflags", OBEYED),
    Key("build.target", OBEYED),
    Key("build.target-dir", "has no effect: what is made lies below build/", ("CARGO_TARGET_DIR",)),
    Key("build.warnings", "has no effect: rustflags or [lints] make an error of a warning"),
    Key("cache.**", HARMLESS),
    Key("cargo-new.**", HARMLESS),
    Key("credential-alias.**", HARMLESS),
    Key("doc.**", HARMLESS),
    Key("env.**", OBEYED),
    Key("future-incompat-report.**", HARMLESS),
    Key("host.**", OBEYED),
    Key("http.**", OBEYED),
    Key("include.**", OBEYED),
    Key("install.**", HARMLESS),
    Key("net.**", OBEYED),
    Key("patch.**", OBEYED),
    Key("paths", OBEYED),
    Key("profile.**", OBEYED),
    Key("registries.**", OBEYED),
    Key("registry.**", OBEYED),
    Key("resolver.**", OBEYED),
    Key("source.**", OBEYED),
    Key("target-applies-to-host", OBEYED),
    Key("target.*.ar", HARMLESS),  # cargo itself has no use for it any more
    Key("target.*.linker", OBEYED),  # a line that names ours is told where cargo gives one to the kernel
    Key("target.*.runner", "is not started: run and test start the machine; QEMU= and QEMUFLAGS= say which", (),
        ("run", "test"), (*RUNNERS, *(runner.split() for runner in RUNNERS), "")),
    Key("target.*.rustdocflags", HARMLESS),
    Key("target.*.rustflags", OBEYED),
    Key("target.*.*.**", OBEYED),  # what stands for a build script, by the key `links` of its package
    Key("term.**", HARMLESS),
    Key("unstable.build-std-features", CORE, unless=(CORE_FEATURES, [])),
    Key("unstable.**", OBEYED),  # build-std: core and alloc are made here
)  # fmt: skip


def key_of(parts: Sequence[str]) -> Key | None:
    """Returns the entry of the table for a key; None where there is none."""
    return next((key for key in KEYS if key.fits(parts)), None)


def told_keys(configuration: Configuration, target: str, wanted: Sequence[str]) -> Iterator[str]:
    """Yields a line for each key that somebody set, and that a build for target with the words wanted does not obey.

    target is a triple, or the name of a specification.
    """
    by_variable = set()
    for key in KEYS:
        names = [name for name in (*key.variables, _variable(key, target)) if configuration.environ.get(name)]
        if names and key.is_told and _is_meant(key, configuration.environ[names[0]], wanted):
            by_variable.add(key.name)
            yield f"{configuration.environ[names[0]]}, which {names[0]} names, {key.becomes}"
    for leaf in configuration.leaves():
        found, name = key_of(leaf.key), dotted(leaf.key)
        if leaf.key[0] == "env" and leaf.key[1] in OF_CARGO and leaf.key[2:] in ((), ("value",)):
            yield f"{leaf.path}: {name} = {show(leaf.value)} is for build scripts and env!() alone, not for cargo"
        if found is None:
            yield f"{leaf.path}: {name} is no key that is known here; cargo alone says what it does"
        elif found.is_told and found.name not in by_variable and _is_meant(found, leaf.value, wanted):
            if found.name.startswith("target.") and leaf.key[1] != target and not leaf.key[1].startswith("cfg("):
                continue
            yield f"{leaf.path}: {name} = {show(leaf.value)} {found.becomes}"


def dotted(key: Sequence[str]) -> str:
    """Returns a key's parts as they are written in one line."""
    return ".".join(map(_quoted, key))


def passed_over_flags(configuration: Configuration, target: str, argv: Sequence[str]) -> Iterator[str]:
    """Yields a line for rustflags of a file that cargo, which takes them from one place alone, did not give to argv.

    argv are the words of a crate that was planned for target. Tables of cfg() may not fit, which cargo knows.
    """
    variable = next((name for name in FLAG_VARIABLES if name in configuration.environ), "")
    why = f"{variable} of the environment stands" if variable else f"those of [target.{target}] or of a cfg() stand"
    for leaf in configuration.leaves():
        if leaf.key not in (("build", "rustflags"), ("target", target, "rustflags")):
            continue
        words = leaf.value if isinstance(leaf.value, list) else str(leaf.value).split()
        if not any(list(argv[i : i + len(words)]) == words for i in range(len(argv))):
            name = dotted(leaf.key)
            yield f"{leaf.path}: {name} = {show(leaf.value)} has no effect: {why} in its place"


def _is_meant(key: Key, value: object, wanted: Sequence[str]) -> bool:
    return value not in key.unless and (not key.only_for or any(word in key.only_for for word in wanted))


def _variable(key: Key, target: str) -> str:
    """Returns the name of cargo's variable for key; one with a pattern is the target's."""
    return "CARGO_" + key.name.replace("*", target).upper().replace(".", "_").replace("-", "_")


def _quoted(part: str) -> str:
    return part if part.replace("-", "").replace("_", "").isalnum() else f"'{part}'"
