"""What a build script gets that calls cargo or rustc itself, for bare metal too: core where the compiler has none.

Many ask the compiler what it can do for the target, and are to hear what one with core says, as that is which compiles
their crate: without, num-traits is another crate than cargo and a target of rustup's make of it. Nothing else is
changed of a script that does well. One that fails for want of core or of a nightly compiler is run again, with our
rustc in place of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from bootwright.base.home import SITE
from bootwright.storage.store import DESCRIPTION, Store

LACKS = re.compile(
    r"E0463|can't find crate for `(?:core|std|alloc)`|E0554|nightly (?:channel|compiler)|nightly version|"
    r"linker `rust-lld` not found|-Zjson-target-spec|-Zunstable-options"
)
# As `bootwright-rustc` does for a cargo that a person starts; the library of Python alone is needed.
RUSTC = """#!{python} -IS
import sys

sys.path.insert(0, {site!r})
sys.argv.insert(1, {rustc!r})
from bootwright.cli.rustc import main

sys.exit(main())
"""


# In the store, so that what a script writes down of it is the same in each checkout. Only this target has another root.
PROBED = """#!/bin/sh
given=
for word do
    case $word in
        --sysroot | --sysroot=*) exec {rustc} "$@" ;;
        {target} | --target={target}) given=yes ;;
    esac
done
if [ -n "$given" ]; then exec {rustc} "$@" --sysroot {sysroot}; fi
exec {rustc} "$@"
"""


def probed_rustc(rustc: str, target: str, sysroot: str, store: Store | None = None) -> str:
    """Returns a program of the store that is the rustc, but for target has core from sysroot; rustc on Windows."""
    if os.name == "nt":
        return rustc
    text = PROBED.format(rustc=shlex.quote(rustc), target=shlex.quote(target), sysroot=shlex.quote(sysroot))

    def build(out: Path) -> None:
        (out / "rustc").write_text(text, encoding="utf-8")
        (out / "rustc").chmod(0o755)
        (out / DESCRIPTION).write_text(f"rustc that finds core of {target}, for build scripts\n", encoding="utf-8")

    key = hashlib.sha256(f"rustc\0{text}".encode()).hexdigest()[:32]
    return str((store or Store()).take_or_build("target", key, build) / "rustc")


def lacks_core(said: str) -> bool:
    """Says whether what a failing script said tells of a compiler without core, or that was to be a nightly."""
    return os.name != "nt" and LACKS.search(said) is not None


def with_core(environment: Mapping[str, str], place: Path, bootstrap: bool) -> dict[str, str]:
    """Returns a script's environment with a rustc in the directory place, which is made, that finds core.

    bootstrap: it and cargo take unstable features as well.
    """
    more = {"RUSTC_BOOTSTRAP": "1", "CARGO_UNSTABLE_JSON_TARGET_SPEC": "true"} if bootstrap else {}
    path = os.pathsep.join([str(place), environment.get("PATH", os.defpath)])
    return {**environment, **more, "RUSTC": str(rustc_with_core(environment["RUSTC"], place)), "PATH": path}


def rustc_with_core(rustc: str, place: Path) -> Path:
    """Returns a program named rustc in the directory place, which is made: the one at rustc, that finds core."""
    place.mkdir(parents=True, exist_ok=True)
    program = place / "rustc"
    program.write_text(RUSTC.format(python=Path(sys.executable).resolve(), site=str(SITE), rustc=rustc))
    program.chmod(0o755)
    return program
