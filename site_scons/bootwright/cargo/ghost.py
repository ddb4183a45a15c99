"""The ghost: stands for rustc and for every build script while cargo plans; it records each call and makes nothing.

cargo runs it as RUSTC_WRAPPER. Of what a compiler makes, cargo itself needs build scripts alone, since it runs them: in
their place the ghost puts a few lines that call it as the product of that call. Run so it prints one directive of each
kind with the call's own id in it, and cargo puts that id where a real directive would go: into the arguments, the
environment and the metadata of exactly those units that get it.

It is started for each unit, so that a plan is as dear as its start: 2 ms where a shell can do it, 9 ms where Python has
to. A shell loses variables that it cannot name (CARGO_BIN_EXE_my-kernel); Linux shows them all the same, in /proc.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LOG = "BOOTWRIGHT_GHOST_LOG"
MARK = "bootwright_script_"  # an id is MARK and the name of the call
ENVIRON = Path("/proc/self/environ")

# A record is a file, whose name is the call's: kind, call, directory, number of arguments, these, then the variables,
# each with a zero after it. A question such as -vV is none: the real answer decides what cargo does.
SHELL = """#!/bin/sh
if [ "$0" = {own} ]; then call=; fi

record() {{
    kind=$1
    shift
    cd -P . || exit
    set -C
    number=0
    until {{ : >"${log}/$$-$number"; }} 2>/dev/null; do
        number=$((number + 1))
        [ "$number" -lt 10000 ] || exit 1
    done
    name=$$_$number
    printf '%s\\0' "$kind" "$call" "$PWD" "$#" "$@" >>"${log}/$$-$number" || exit
    {cat} "/proc/$$/environ" >>"${log}/$$-$number" || exit
}}

act_as_script() {{
    record script "$0" "$@"
    mark={mark}$name
    printf 'cargo:%s\\n' "rustc-cfg=$mark" "rustc-check-cfg=cfg($mark)" "rustc-link-search=native=/$mark" \\
        "rustc-link-lib=$mark" "rustc-link-arg=$mark" "rustc-env=$mark=" "$mark="
}}

act_as_compiler() {{
    crate= out= type= kept= json= extra= before=
    for word do
        case $before in
            --crate-name) crate=${{crate:-$word}} ;;
            --out-dir) out=${{out:-$word}} ;;
            --crate-type) type=${{type:-$word}} ;;
        esac
        case $word in
            --test | --target) kept=no ;;
            *.json) json=1 ;;
            extra-filename=*) extra=$extra${{word#*=}} ;;
        esac
        before=$word
    done
    if [ -z "$crate" ] || [ -z "$out" ]; then
        [ -z "$json" ] || export RUSTC_BOOTSTRAP=1
        exec "$@"
    fi
    shift
    # A wrapper for the packages of a workspace stood before it.
    if [ "$1" = "$RUSTC" ]; then shift; fi
    record rustc "$@"
    [ "$type$kept" = bin ] || return 0
    {{
        printf '%s\\n' '#!/bin/sh' "call=$name"
        printf '%s\\n' {source}
    }} >|"$out/$crate$extra" && chmod 755 "$out/$crate$extra"
}}

if [ -n "$call" ]; then act_as_script "$@"; else act_as_compiler "$@"; fi
"""
PYTHON = """#!{python} -IS
import os, sys

CALL = {call!r}


def record(kind, argv):
    number = 0
    while True:
        name = "%d-%d" % (os.getpid(), number)
        try:
            file = open(os.environb[{log!r}.encode()] + b"/" + name.encode(), "xb")
        except FileExistsError:
            number += 1
            continue
        facts = [kind.encode(), CALL.encode(), os.getcwdb(), b"%d" % len(argv), *map(os.fsencode, argv)]
        facts += [name + b"=" + value for name, value in os.environb.items()]
        with file:
            file.write(b"".join(fact + b"\\0" for fact in facts))
        return name.replace("-", "_")


def value_of(words, option):
    return words[words.index(option) + 1] if option in words[:-1] else ""


def act_as_script():
    mark = {mark!r} + record("script", sys.argv)
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

    @property
    def mark(self) -> str:
        """The id in what a script printed."""
        return f"{MARK}{self.name}"


def write_ghost(path: Path) -> None:
    """Writes the ghost, an executable script, to path, unless it is there: to cargo a new one were a new compiler."""
    text = source(path)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)


def source(path: Path, shell: bool | None = None) -> str:
    """Returns the ghost that is to lie at path, for a shell or for Python; None: what is the quicker here."""
    cat = shutil.which("cat")
    if cat and (ENVIRON.exists() if shell is None else shell):
        own = shlex.quote(str(path))
        return SHELL.format(log=f"{{{LOG}}}", mark=MARK, cat=shlex.quote(cat), own=own, source=shlex.quote(f". {own}"))
    return PYTHON.format(python=Path(sys.executable).resolve(), call="", log=LOG, mark=MARK, own=str(path))


def marks_in(text: str) -> list[str]:
    """Returns the ids that text holds."""
    return re.findall(rf"{MARK}\w+", text)


def replace_marks(text: str, by: Callable[[str], str]) -> str:
    """Returns text with what by says of an id in the place of each."""
    return re.sub(rf"{MARK}\w+", lambda match: by(match[0]), text) if MARK in text else text


def read_calls(log: Path) -> list[Call]:
    """Returns what the ghost recorded in the directory log, in no order: cargo calls several at once."""
    return [_read_call(path) for path in sorted(log.iterdir())]


def _read_call(path: Path) -> Call:
    words: Iterator[str] = map(os.fsdecode, path.read_bytes().removesuffix(b"\0").split(b"\0"))
    kind, product_of, cwd, count = (next(words) for _ in range(4))
    argv = tuple(next(words) for _ in range(int(count)))
    environment = dict(word.split("=", 1) for word in words if "=" in word)
    return Call(path.name.replace("-", "_"), kind, cwd, argv, environment, product_of)
