"""The entry in a kernel's sources: what stands for `_start` there, for the sentence about an ELF that has none.

Sources are read with regular expressions: what macros make is not seen, and nothing is refused for what is found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import LARGEST, read_text
from bootwright.cargo.sources import crate_files, mentions

# Comments go; strings and characters are matched so that what looks like a comment in them does not count.
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/', re.DOTALL)
FUNCTION = re.compile(
    r"(?P<attributes>(?:#\[[^\]]*\]\s*)*)"
    r"(?:pub(?:\([^)]*\))?\s+)?(?:(?:const|async|unsafe)\s+)*(?P<extern>extern\s*(?:\"[^\"]*\")?\s*)?"
    r"\bfn\s+(?P<name>\w+)\s*(?:<[^>]*>)?\s*\([^)]*\)\s*(?:->\s*(?P<returns>[^{;]+))?\{"
)
MACRO = re.compile(r"\bmacro_rules!\s*\w+\s*[({\[]")
EXPORT_NAME = re.compile(r'\bexport_name\s*=\s*"([^"]*)"')
SCRIPTS = (".ld", ".lds", ".x")
ENTRY = re.compile(r"\bENTRY\s*\(\s*([\w.$]+)\s*\)")
NO_MANGLE = re.compile(r"\bno_mangle\b")


@dataclass(frozen=True)
class Function:
    """One function as its source has it: where (FILE:LINE), and the name by which a linker knows it ("" if mangled)."""

    place: str
    name: str
    exported: str
    has_abi: bool
    returns: bool
    naked: bool


def find_functions(root: Path) -> Iterator[Function]:
    """Yields the functions with a body of the crate with this root, the root's file first."""
    for path in (root, *(path for path in crate_files(root) if path != root and path.suffix == ".rs")):
        try:
            text = read_text(path, LARGEST)
        except (OSError, BootwrightError):
            continue
        text = _without_macros(TOKEN.sub(lambda token: _blank(token[0]), text))
        place = path.relative_to(root.parent.parent).as_posix()
        for match in FUNCTION.finditer(text):
            line = text.count("\n", 0, match.start("name")) + 1
            yield _function(match, f"{place}:{line}")


def _blank(token: str) -> str:
    """Returns a string as it is, a comment as its line ends alone."""
    return token if token[0] in "\"'" else "\n" * token.count("\n")


def _without_macros(text: str) -> str:
    """Returns text with blanks for what macro_rules! holds, which is a function only where somebody asks for one."""
    bare = TOKEN.sub(lambda token: _spaces(token[0]), text)
    for match in MACRO.finditer(bare):
        end, depth = match.end(), 1
        while depth and end < len(bare):
            depth += (bare[end] in "({[") - (bare[end] in ")}]")
            end += 1
        text = text[: match.start()] + _spaces(text[match.start() : end]) + text[end:]
    return text


def _spaces(text: str) -> str:
    """Returns as many blanks, with the line ends where they are."""
    return re.sub(r"[^\n]", " ", text)


def _function(match: re.Match[str], place: str) -> Function:
    attributes, name = match["attributes"], match["name"]
    export = EXPORT_NAME.search(attributes)
    exported = export[1] if export else name if NO_MANGLE.search(attributes) else ""
    returns = (match["returns"] or "").strip() != "!"
    return Function(place, name, exported, bool(match["extern"]), returns, bool(re.search(r"\bnaked\b", attributes)))


def declaration(edition: str) -> str:
    """Returns the line that declares an entry, in the spelling of the edition."""
    attribute = "#[no_mangle]" if edition < "2024" else "#[unsafe(no_mangle)]"
    return f'{attribute} pub extern "C" fn _start() -> ! {{ ... }}'


def is_exported(root: Path) -> bool:
    """Tells whether a source of the crate exports `_start`, or defines it as a label of assembly."""
    return any(f.exported == "_start" for f in find_functions(root)) or mentions(root.parent, "_start:")


def say_instead(root: Path) -> str:
    """Returns what the crate has in place of an exported `_start`, as the end of a sentence."""
    functions = list(find_functions(root))
    own = next((f for f in functions if f.name == "_start" and not f.exported), None)
    if own:
        return f"{own.place} has `_start` without no_mangle: its name was mangled, and nothing else calls it"
    exported = [f for f in functions if f.exported]
    if exported:
        names = ", ".join(f"`{f.exported}` ({f.place})" for f in exported[:5])
        return f"what the sources export instead is {names}"
    main = next((f for f in functions if f.name == "main"), None)
    if main:
        return f"{main.place} has `main`, which nobody calls where there is no std"
    return f"{root.parent.name}/{root.name} and its modules export no function at all"


def unused_script(root: Path) -> str:
    """Returns the words on a linker script beside the crate with this root whose entry is another; "" for none.

    Where it is passed to cargo by a Makefile, nothing in the package says that it is to be used.
    """
    package = root.parent.parent
    for path in sorted(
        path for ending in SCRIPTS for place in (".", "*") for path in package.glob(f"{place}/*{ending}")
    ):
        try:
            entry = ENTRY.search(TOKEN.sub(lambda token: _blank(token[0]), read_text(path, LARGEST)))
        except (OSError, BootwrightError):
            continue
        if entry and entry[1] != "_start":
            return f"{path} has ENTRY({entry[1]}): LDSCRIPT={path} links with it"
    return ""


def remarks(root: Path, may_return: bool = False) -> list[str]:
    """Returns a line for each thing about the exported `_start` that compiles and is wrong nevertheless.

    may_return: whoever calls it takes what it returns, as Windows does.
    """
    found = []
    for f in find_functions(root):
        if f.exported != "_start" or f.naked:
            continue
        if not f.has_abi:
            found.append(
                f'{f.place}: `_start` is without extern "C": how it takes its arguments is up to the compiler, and the '
                "loader calls it as C does"
            )
        if f.returns and not may_return:
            found.append(f"{f.place}: `_start` may return, and there is nobody to return to: write `-> !`")
    return found
