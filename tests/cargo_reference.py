"""What `cargo build` itself makes of a kernel, given our core, our linker and our names for places: the reference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# In the compiler's place: the library's own units are not compiled, and everything for the target gets our words.
WRAPPER = """#!{python} -IS
import os, sys

words = sys.argv[1:]
first, last, program, remaps = {first!r}, {last!r}, {program!r}, {remaps!r}
named = "--crate-name" in words and "--out-dir" in words
if named and {library!r} in os.environ.get("CARGO_MANIFEST_DIR", "") + "/":
    if "--target" in words:
        sys.exit(0)
elif named:
    kept = []
    for word in words:
        if word.startswith("noprelude,nounused:") and kept[-1] == "--extern":
            kept.pop()
        else:
            kept.append(word)
    if "--target" in words:
        linked = "--test" in words or "bin" in words or "--crate-type" not in words
        kept[1:1] = first
        kept += [*last, *(program if linked else [])]
    words = [*kept, *remaps]
os.execvp(words[0], words)
"""


def cargo_makes(
    place: Path, kernel: Path, cargo: Sequence[str], words: dict[str, list[str]], environment: dict[str, str]
) -> dict[tuple[str, str, bool], bytes]:
    """Runs cargo (the program and its words) on kernel; returns the programs by kind, name, and whether it is a test.

    place is a directory for it; words are what our build adds: first, last and program, and library, the directory of
    the library's sources.
    """
    target = place / "target"
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    remaps = [
        f"--remap-path-prefix={path}={name}" for path, name in ((home, "/cargo"), (kernel, "."), (target, "target"))
    ]
    wrapper = place / "wrapper"
    place.mkdir(parents=True, exist_ok=True)
    text = WRAPPER.format(
        python=Path(sys.executable).resolve(), first=words["first"], last=words["last"], program=words["program"],
        remaps=remaps, library=words["library"][0],
    )  # fmt: skip
    wrapper.write_text(text)
    wrapper.chmod(0o755)
    variables = {**environment, "RUSTC_WRAPPER": str(wrapper), "CARGO_TARGET_DIR": str(target), "RUSTC_BOOTSTRAP": "1"}
    done = subprocess.run(
        [*cargo, "--offline", "--message-format=json"], cwd=kernel, env={**os.environ, **variables}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            made = message["target"]
            key = (made["kind"][0], made["name"], bool(message["profile"]["test"]))
            found[key] = Path(message["executable"]).read_bytes()
    return found
