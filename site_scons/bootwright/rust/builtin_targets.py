"""What the installed rustc says of targets: its built-in specifications, the keys it knows, what it makes of another.

Asked with RUSTC_BOOTSTRAP=1, since specifications have no stable interface; tried with rustc 1.85, 1.95, 1.96 and 1.97.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import Ended, attempt, run
from bootwright.rust.command import crate_words
from bootwright.rust.toolchain import Toolchain

BOOTSTRAP = {"RUSTC_BOOTSTRAP": "1"}
EMPTY_CRATE = "#![feature(no_core)]\n#![no_core]\n"
Spec = dict[str, Any]


@dataclass(frozen=True)
class Builtins:
    """The built-in specifications by triple; the keys that rustc knows, None where it does not tell (before 1.91)."""

    release: str
    specs: Mapping[str, Spec]
    keys: frozenset[str] | None

    def any_has(self, key: str) -> bool:
        """Tells whether some built-in specification has the key."""
        return any(key in spec for spec in self.specs.values())

    def knows(self, key: str) -> bool:
        """Tells whether rustc takes the key."""
        return self.any_has(key) if self.keys is None else key in self.keys

    def nearest(self, spec: Spec) -> Spec:
        """Returns the built-in specification whose machine is most like spec's: same arch, width and object format.

        An empty one where there is none.
        """
        width = str(spec.get("target-pointer-width"))
        wanted = _likeness(spec)
        same = [
            other
            for other in self.specs.values()
            if other["arch"] == spec.get("arch")
            and str(other["target-pointer-width"]) == width
            and other.get("target-endian", "little") == spec.get("target-endian", "little")
            and _object_format(other["llvm-target"]) == _object_format(spec["llvm-target"])
        ]

        def score(other: Spec) -> int:
            return sum(2**rank for rank, (a, b) in enumerate(zip(wanted, _likeness(other), strict=True)) if a == b)

        return max(same, key=score, default={})


@dataclass(frozen=True)
class Verdict:
    """What rustc makes of a specification: its error ("" for none), and what it wants otherwise.

    data_layout is the layout it asks for; unknown_features are those that LLVM does not know, with their sign;
    unknown_keys are those that a rustc before 1.91 passes over (later ones make it an error).
    """

    error: str = ""
    data_layout: str = ""
    unknown_features: tuple[str, ...] = ()
    unknown_keys: tuple[str, ...] = ()


def read_builtins(toolchain: Toolchain) -> Builtins:
    """Asks rustc; takes about 0.1 s."""
    argv = [str(toolchain.rustc), "-Zunstable-options", "--print", "all-target-specs-json"]
    specs = json.loads(run(argv, extra=BOOTSTRAP))
    said = _ask(toolchain, json.dumps({"bootwright-asks-for-the-keys": 1}), "asks").stderr
    named = re.search(r"unknown field .*?expected one of (.*?) at line", said, re.DOTALL)
    keys = frozenset(re.findall(r"`([^`]+)`", named[1])) if named else None
    return Builtins(toolchain.release, specs, keys)


def judge(toolchain: Toolchain, text: str, name: str) -> Verdict:
    """Lets rustc compile an empty crate for the specification text."""
    ended = _ask(toolchain, text, name)
    layout = re.search(r"default layout, `([^`]+)`", ended.stderr)
    features = re.findall(r"^'([^']+)' is not a recognized feature", ended.stderr, re.MULTILINE)
    unused = re.search(r"target json file contains unused fields: (.*)", ended.stderr)
    keys = tuple(unused[1].split(", ")) if unused else ()
    error = "" if ended.status == 0 else _error(ended.stderr)
    return Verdict(error, layout[1] if layout else "", tuple(dict.fromkeys(features)), keys)


def _error(stderr: str) -> str:
    """Returns the line of rustc's output that says most; where it panics that is another than the last."""
    lines = re.findall(r"^error: (.*)", stderr, re.MULTILINE)
    telling = [line for line in lines if not re.search(r"aborting due to|internal compiler|panicked", line)]
    return telling[0].removeprefix("error loading target specification: ") if telling else "rustc fails"


def _ask(toolchain: Toolchain, text: str, name: str) -> Ended:
    from bootwright.base.scratch import scratch_directory  # the answer is mostly known

    with scratch_directory("spec") as scratch:
        spec = scratch / (f"{name}.json")
        spec.write_text(text, encoding="utf-8")
        words = crate_words("empty", "-", "rlib", edition="2021", target=str(spec), emit="obj", directory=Path(scratch))
        return attempt([str(toolchain.rustc), *words], cwd=Path(scratch), extra=BOOTSTRAP, stdin=EMPTY_CRATE)


def _object_format(triple: str) -> str:
    if re.search(r"darwin|apple|macos|ios|tvos|watchos|visionos", triple):
        return "mach-o"
    return "coff" if re.search(r"windows|uefi|cygwin", triple) else "elf"


def _likeness(spec: Spec) -> tuple[object, ...]:
    """Returns what LLVM's data layout depends on beside arch, width and format, the weightiest last."""
    triple = spec["llvm-target"].removesuffix("-elf").split("-")
    return (
        triple[0],
        spec.get("os", "none"),
        spec.get("env", ""),
        spec.get("llvm-floatabi"),
        spec.get("abi", ""),
        spec.get("llvm-abiname"),
        "-".join(triple),
    )


def check_arch(builtins: Builtins, spec: Spec, origin: str) -> None:
    """Raises where no built-in target has the specification's arch."""
    arches = sorted({str(other["arch"]) for other in builtins.specs.values()})
    if spec["arch"] not in arches:
        words = f'{origin}: rustc {builtins.release} knows no arch "{spec["arch"]}"'
        raise BootwrightError(words, f"it knows {', '.join(arches)}")
