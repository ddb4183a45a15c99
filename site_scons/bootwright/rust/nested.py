"""What a build script gets that calls cargo or rustc itself, for bare metal too: core where the compiler has none.

Nothing is changed of a script that does well: many ask the compiler what it can do, and would take the answers of
another. One that fails for want of core or of a nightly compiler is run again, with our rustc in place of its own.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from bootwright.base.home import SITE

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


def lacks_core(said: str) -> bool:
    """Says whether what a failing script said tells of a compiler without core, or that was to be a nightly."""
    return os.name != "nt" and LACKS.search(said) is not None


def with_core(environment: Mapping[str, str], place: Path, bootstrap: bool) -> dict[str, str]:
    """Returns a script's environment with a rustc in the directory place, which is made, that finds core.

    bootstrap: it and cargo take unstable features as well.
    """
    place.mkdir(parents=True, exist_ok=True)
    rustc = place / "rustc"
    rustc.write_text(RUSTC.format(python=Path(sys.executable).resolve(), site=str(SITE), rustc=environment["RUSTC"]))
    rustc.chmod(0o755)
    more = {"RUSTC_BOOTSTRAP": "1", "CARGO_UNSTABLE_JSON_TARGET_SPEC": "true"} if bootstrap else {}
    path = os.pathsep.join([str(place), environment.get("PATH", os.defpath)])
    return {**environment, **more, "RUSTC": str(rustc), "PATH": path}
