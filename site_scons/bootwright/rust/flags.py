"""What words for rustc say that the graph must know: files, a linker that has no effect, linker scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

# An argument of a linker's that names a script, or the file behind one; -Ttext=0x1000 says where a section begins.
OF_A_SCRIPT = re.compile(
    r"(?:-Wl,)?(?:(-d?T(?!(?:text|data|bss|rodata)(?:-segment)?(?:=|$))|--script)[=,]?|(?!-))(.*)", re.DOTALL
)


def files_in_flags(flags: Iterable[str], cwd: Path) -> list[Path]:
    """Returns the files that flags name, relative to cwd: @FILE, --extern NAME=FILE, -C linker=FILE and the like.

    rustc names some of them nowhere among what it read.
    """
    parts = {part for word in flags for part in re.split("[=@]", word) if part}
    return sorted(path for path in (cwd / part for part in parts) if path.is_file())


def digests_in_flags(flags: Iterable[str], cwd: Path) -> tuple[tuple[str, str], ...]:
    """Returns these files, each with its SHA-256."""
    files = files_in_flags(flags, cwd)
    if not files:
        return ()
    from bootwright.base.digests import file_digest  # most have none

    return tuple((str(path), file_digest(path)) for path in files)


def linkers_in_flags(flags: Iterable[str]) -> list[str]:
    """Returns what flags say of the linker (linker=..., linker-flavor=...), however -C or --codegen is written."""
    found = (re.fullmatch(r"(?:-C|--codegen=)?(linker(?:-flavor)?=.+)", word) for word in flags)
    return [match[1] for match in found if match]


def without_scripts(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns words without what names a linker script to the linker, and these scripts.

    rustc takes -C, --codegen and -Z apart from what follows or joined with it, link-args holds several arguments, and
    -T and its file may be two: all ways count, also with the -Wl, of a compiler that links.
    """
    kept: list[str] = []
    scripts: list[str] = []
    awaits = False  # -T came, and its file is the next argument of the linker
    rest = iter(words)
    for word in rest:
        own = [word, next(rest, "")] if word in ("-C", "--codegen", "-Z") else [word]
        option = re.fullmatch(r"((?:-C|--codegen=|-Z)?(?:pre-)?link-arg(s?)=)(.*)", own[-1], re.DOTALL)
        if option is None:
            kept += own
            continue
        others = []
        given = option[3].split() if option[2] else [option[3]]
        for argument in given:
            found = OF_A_SCRIPT.fullmatch(argument)
            if found is None or not (found[1] or awaits):
                others.append(argument)
            elif found[2]:
                scripts.append(found[2])
                awaits = False
            else:
                awaits = True
        if len(others) < len(given):
            own = [*own[:-1], option[1] + " ".join(others)] if others else []
        kept += own
    return kept, scripts
