"""What the assembler reads unseen: .incbin and .include in asm!() and in files of assembly that Rust includes.

rustc's dep-info does not name these files, so a change of one would go unnoticed. They are found in the text: in the
string literals of Rust, and in what else rustc read as text. LLVM sees a relative name from rustc's working directory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_bytes

LARGEST = 4 << 20  # bytes; no assembly is longer, pictures and fonts are
# Where a comment, which may quote anything, or a literal begins; a lifetime begins with ' as a character does.
_OPENS = re.compile(rb"""//|/\*|\bb?c?r(?P<hashes>#*)"|"|'(?:[^'\\\n]|\\.[^'\n]{0,12})'""", re.DOTALL)
_TEXT = re.compile(rb'''(?:[^"\\]|\\.)*"''', re.DOTALL)
_DIRECTIVE = re.compile(
    rb"""(?<![\w.$])\.(?P<word>incbin|include)(?!\w)[ \t]*(?P<quoted>"(?P<name>[^"\\\n{}]+)")?""", re.I
)
_REMARK = re.compile(rb"^[ \t]*(?:#|//|;|@)[^\n]*|(?:#|//) [^\n]*", re.MULTILINE)
_ESCAPES = {b'\\"': b'"', b"\\\\": b"\\", b"\\n": b"\n", b"\\t": b"\t", b"\\'": b"'"}


def find_assembled(paths: Iterable[Path], cwd: Path) -> list[Path]:
    """Returns the files that the assembler reads because of paths, absolute and sorted; cwd is rustc's directory.

    Raises where a directive does not write its file's name out.
    """
    waiting, seen, found = list(paths), set(), set()
    if not any(path.suffix == ".rs" and b"asm!" in _text(path) for path in waiting):
        return []
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for word, name, line in _directives(path):
            if not name:
                raise BootwrightError(
                    f"{path}:{line}: .{word} does not write out which file it reads, so a change of that goes unseen",
                    "write the name as it is, or have Rust read the file: include_bytes!(), include_str!()",
                )
            inner = Path(os.path.normpath(cwd / name))
            found.add(inner)
            if word == "include":
                waiting.append(inner)
    return sorted(found)


def _directives(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yields each directive of a file: incbin or include, the name that it writes out ("" for none), and its line."""
    data = _text(path)
    if b".inc" not in data.lower() or (path.suffix != ".rs" and b"\0" in data):
        return
    for text, at in _literals(data) if path.suffix == ".rs" else [(_REMARK.sub(_blanks, data), 0)]:
        for directive in _DIRECTIVE.finditer(text):
            name = (directive["name"] or b"").decode(errors="surrogateescape")
            line = data.count(b"\n", 0, at) + text.count(b"\n", 0, directive.start()) + 1
            yield directive["word"].decode().lower(), name, line


def _text(path: Path) -> bytes:
    """Returns what a source holds; nothing where it is too big for one, or no file."""
    try:
        return read_bytes(path, LARGEST)
    except (OSError, BootwrightError):
        return b""


def _literals(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yields the text of each string literal of a Rust source, and where it begins."""
    at = 0
    while opens := _OPENS.search(data, at):
        kind, at = opens[0], opens.end()
        ends = {b"//": b"\n", b"/*": b"*/"}.get(kind)
        if ends is None and opens["hashes"] is not None:
            ends = b'"' + opens["hashes"]
        if ends is not None:
            end = data.find(ends, at)
            if opens["hashes"] is not None:
                yield data[at : end if end >= 0 else len(data)], at
            at = end + len(ends)
        elif kind == b'"':
            whole = _TEXT.match(data, at)
            end = whole.end() if whole else -1
            text = whole[0][:-1] if whole else data[at:]
            yield re.sub(rb"\\.", lambda found: _ESCAPES.get(found[0], found[0]), text, flags=re.DOTALL), at
            at = end
        else:
            continue
        if end < 0:
            return


def _blanks(found: re.Match[bytes]) -> bytes:
    return b"\n" * found[0].count(b"\n")
