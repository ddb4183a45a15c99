"""What a target specification must not tell the linker or LLVM: to write elsewhere, to run a program, to load one.

A specification comes with a kernel, and a kernel may be anybody's. None of these says how a kernel is linked: what they
would write we write below build/, and the rest only serves whoever wants to do harm. This is no sandbox. Names are
those of lld's Options.td (ELF, COFF, MachO, wasm), GNU ld's and gcc's manuals, and LLVM's cl::opt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.terminal import printable

LISTS = ("pre-link-args", "late-link-args", "late-link-args-dynamic", "late-link-args-static", "post-link-args")
WRITES, RUNS, LOADS, HIDES = "write a file of its choice", "run a program", "load code", "read arguments unseen"

# Options of linkers, without their dashes; those that GNU ld takes are understood when they are abbreviated, too.
OPTIONS = {
    "Map": WRITES, "map": WRITES, "o": WRITES, "output": WRITES, "dependency-file": WRITES, "dependency_info": WRITES,
    "reproduce": WRITES, "print-symbol-order": WRITES, "print-archive-stats": WRITES, "why-extract": WRITES,
    "out-implib": WRITES, "time-trace": WRITES, "lto-obj-path": WRITES, "object_path_lto": WRITES, "save-temps": WRITES,
    "thinlto-cache-dir": WRITES, "cache_path_lto": WRITES, "thinlto-index-only": WRITES, "dwo_dir": WRITES,
    "thinlto-emit-index-files": WRITES, "lto-emit-asm": WRITES, "opt-remarks-filename": WRITES, "cref-file": WRITES,
    "ctf-share-types": WRITES, "output-def": WRITES, "base-file": WRITES, "pdb": WRITES, "dumpdir": WRITES,
    "MF": WRITES, "MD": WRITES, "MMD": WRITES, "dumpbase": WRITES, "auxbase": WRITES, "lto-cs-profile-generate": WRITES,
    "remap-inputs-file": HIDES, "error-handling-script": RUNS, "wrapper": RUNS, "plugin": LOADS,
    "load-pass-plugin": LOADS, "fplugin": LOADS, "specs": HIDES, "obj-path": WRITES, "emit-asm": WRITES,
}  # fmt: skip
# link.exe's, with a slash or a dash, and in any case.
COFF = re.compile(r"[/-](out|pdb|map|lldmap|implib|reproduce|lldsavetemps|timetrace|manifestfile|pdbstripped)\b", re.I)
LLVM = {
    "info-output-file": WRITES, "pass-remarks-output": WRITES, "o": WRITES, "load": LOADS, "load-pass-plugin": LOADS,
    "time-trace-file": WRITES, "debug-only-file": WRITES, "stats-file": WRITES, "cgdata-path": WRITES,
    "print-module-scope-file": WRITES, "dot-cfg-dir": WRITES, "cfg-dot-filename-prefix": WRITES,
    "ir-dump-directory": WRITES, "print-changed-output": WRITES, "dump-input-file": WRITES,
}  # fmt: skip
VARIABLES = re.compile(r"(LD_PRELOAD|LD_LIBRARY_PATH|LD_AUDIT|DYLD_\w+|PATH|COMPILER_PATH|GCC_EXEC_PREFIX)=")
_JOINED = re.compile(r"-o(?!format|magic)|-MF")
# gcc's directory of the programs that it starts; ld's -Bstatic and its like are others.
_PROGRAMS = re.compile(r"-B(?!static|dynamic|symbolic|group|shareable|no-symbolic)")
_PASSED_ON = re.compile(r"--?(?:plugin-opt|mllvm)(=|$)-{0,2}")
_SHORTEST = 4  # letters of an abbreviation; shorter ones are other options, or none


def check_arguments(spec: dict[str, Any], origin: Path | str) -> None:
    """Raises for the first argument of the specification that only harms; origin names it."""
    for key in LISTS:
        lists = spec.get(key)
        for words in lists.values() if isinstance(lists, dict) else ():
            for word in _linker_words(words):
                if does := _does(word):
                    raise _refusal(origin, key, word, f"have the linker {does}")
    for word in _strings(spec.get("llvm-args")):
        if harm := LLVM.get(word.lstrip("-").partition("=")[0]):
            raise _refusal(origin, "llvm-args", word, f"have LLVM {harm}")
    for word in _strings(spec.get("link-env")):
        if VARIABLES.match(word):
            raise _refusal(origin, "link-env", word, "decide which code the linker consists of")


def _refusal(origin: Path | str, key: str, word: str, does: str) -> BootwrightError:
    shown = printable(word if len(word) <= 200 else f"{word[:197]}...")
    hint = "a kernel is linked without it; what the linker writes lies in build/, NAME.map too"
    return BootwrightError(f'{origin}: "{key}" holds {shown}, which would {does}', hint)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (word for word in value if isinstance(word, str))


def _linker_words(words: object) -> Iterator[str]:
    """Yields each word as the linker itself gets it: gcc and clang pass on what follows -Wl, and -Xlinker."""
    for word in _strings(words):
        parts = word.split(",")[1:] if word.startswith(("-Wl,", "-Wp,", "-Wa,")) else [word.removeprefix("-Xlinker=")]
        for part in parts:
            passed_on = _PASSED_ON.match(part)
            if passed_on and passed_on[1]:
                yield f"-{part[passed_on.end() :]}"
            elif not passed_on:
                yield f"-{part}" if part.startswith("obj-path=") else part


def _does(word: str) -> str:
    """Returns what harm a linker's argument does; "" for none."""
    if word.startswith("@"):
        return HIDES
    if COFF.match(word):
        return WRITES
    if not word.startswith("-"):
        return ""
    if _JOINED.match(word):
        return WRITES
    if _PROGRAMS.match(word):
        return RUNS
    name, _, value = word.lstrip("-").partition("=")
    if name == "print-gc-sections" and value:
        return WRITES
    if name in OPTIONS or name in LLVM:
        return OPTIONS.get(name) or LLVM[name]
    if word.startswith("--") and len(name) >= _SHORTEST:
        return next((does for option, does in OPTIONS.items() if option.startswith(name)), "")
    return ""
