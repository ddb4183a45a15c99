"""The ghost: stands for rustc and for every build script while cargo plans; it records each call and makes nothing.

cargo runs it as RUSTC_WRAPPER. Of what a compiler makes, cargo itself needs build scripts alone, since it runs them: in
their place the ghost puts a copy of itself that knows which call it is the product of. Run as a build script it prints
one directive of each kind with its own id in it, so that cargo puts that id where a real directive would go: into the
arguments, the environment and the metadata of exactly those units that get it.
"""

from __future__ import annotations

import marshal
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

LOG = "BOOTWRIGHT_GHOST_LOG"
MARK = "bootwright_script_"  # an id is MARK and the script's OUT_DIR, with _ for what no identifier may hold

# Started some hundred times while a large package is planned, so it imports nothing but what Python has already.
SOURCE = """#!{python} -IS
import marshal, os, sys, time

CALL = {call!r}


def record(kind, argv):
    name = "%s-%d-%d" % (kind, time.time_ns(), os.getpid())
    path = os.environb[{log!r}.encode()] + b"/" + name.encode()
    facts = (kind, os.getcwdb(), [os.fsencode(word) for word in argv], dict(os.environb), CALL)
    with open(path + b".new", "wb") as file:
        file.write(marshal.dumps(facts))
    os.rename(path + b".new", path)
    return name


def value_of(words, option):
    return words[words.index(option) + 1] if option in words[:-1] else ""


def act_as_script():
    record("script", sys.argv)
    mark = {mark!r} + "".join(c if c.isalnum() else "_" for c in os.environ["OUT_DIR"])
    print("cargo:rustc-cfg=" + mark)
    print("cargo:rustc-check-cfg=cfg(" + mark + ")")
    print("cargo:rustc-link-search=native=/" + mark)
    print("cargo:rustc-link-lib=" + mark)
    print("cargo:rustc-link-arg=" + mark)
    print("cargo:rustc-env=" + mark + "=")
    print("cargo:" + mark + "=")


def act_as_compiler():
    words = sys.argv[2:]
    if words and words[0] == os.environ.get("RUSTC"):
        words = words[1:]  # a wrapper for the packages of a workspace stood before it
    name, out = value_of(words, "--crate-name"), value_of(words, "--out-dir")
    if not name or not out:
        # A question such as -vV: the real answer decides what cargo does.
        environment = dict(os.environ)
        if any(word.endswith(".json") for word in words):
            environment["RUSTC_BOOTSTRAP"] = "1"
        os.execve(sys.argv[1], sys.argv[1:], environment)
    call = record("rustc", words)
    if value_of(words, "--crate-type") == "bin" and "--test" not in words and "--target" not in words:
        extra = [word[len("extra-filename="):] for word in words if word.startswith("extra-filename=")]
        path = os.path.join(out, name + "".join(extra))
        with open({own!r}) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("CALL = ''", "CALL = " + repr(call), 1))
        os.chmod(path, 0o755)


if CALL:
    act_as_script()
else:
    act_as_compiler()
"""


@dataclass(frozen=True)
class Call:
    """One call that was recorded: kind is "rustc" (argv are its arguments) or "script" (argv is the program).

    name is the call's own; for a script product_of is the name of the call that would have compiled it.
    """

    name: str
    kind: str
    cwd: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    product_of: str = ""


def write_ghost(path: Path) -> None:
    """Writes the ghost, an executable script, to path."""
    python = Path(sys.executable).resolve()
    path.write_text(SOURCE.format(python=python, call="", log=LOG, mark=MARK, own=str(path)), encoding="utf-8")
    path.chmod(0o755)


def mark_of(out_dir: str) -> str:
    """Returns the id that the ghost prints for a script with this OUT_DIR."""
    return MARK + "".join(c if c.isalnum() else "_" for c in out_dir)


def marks_in(text: str) -> list[str]:
    """Returns the ids that text holds."""
    return re.findall(rf"{MARK}\w+", text)


def read_calls(log: Path) -> list[Call]:
    """Returns what the ghost recorded in the directory log, in the order of its calls."""
    calls = []
    for path in sorted(log.iterdir(), key=lambda path: int(path.name.split("-")[1])):
        kind, cwd, argv, environment, product_of = marshal.loads(path.read_bytes())
        decoded = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
        words = tuple(os.fsdecode(word) for word in argv)
        calls.append(Call(path.name, kind, os.fsdecode(cwd), words, decoded, product_of))
    return calls
