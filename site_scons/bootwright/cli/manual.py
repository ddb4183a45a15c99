"""The manual page bootwright(1), made of the rows that `bootwright -h` shows."""

from __future__ import annotations

from collections.abc import Iterable

from bootwright import __version__
from bootwright.base.called import SCONS
from bootwright.base.errors import Status
from bootwright.base.home import HOME
from bootwright.setup.verbs import HELP, OF_PROGRAM, VERBS
from bootwright.setup.words import SWITCHES, VARIABLES

PAGE = "man/man1/bootwright.1"
STATUSES = (
    (Status.DONE, "it was done; of run: the kernel halted, still ran at TIMEOUT, or passed"),
    (Status.BUILD_ERROR, "a build that failed, or a word that is none"),
    (Status.GUEST_RESET, "the machine was reset, by a triple fault mostly"),
    (Status.LOADER_FAILURE, "the boot loader refused the kernel"),
    (Status.QEMU_NOT_STARTED, "QEMU did not start"),
    (Status.GUEST_DIED, "the kernel panicked or hung"),
)
FILES = (
    ("Cargo.toml", "the kernel's package; [package.metadata.bootimage] and [package.metadata.bootwright] are read"),
    ("bootwright.toml", "variables that the project says, beside Cargo.toml"),
    ("bootwright.local.toml", "variables of one machine, beside it"),
    ("build/", "what is made, in the package"),
)


def manual() -> str:
    """Returns the page, for man."""
    own = [(f"{word} {more}".rstrip(), text) for word, more, text in OF_PROGRAM]
    words = [*((verb.word, verb.help_line) for verb in VERBS), *own,
             ("-c", "remove every variant, target and screenshot; the store stays"),
             (f"{HELP} [SUBJECT]", "the pages of the documentation; one of them")]  # fmt: skip
    variables = []
    for row in VARIABLES:
        legal = f" ({'|'.join(row.values)})" if row.values else ""
        variables.append((row.name, f"{row.help}{legal}{f' [{row.default}]' if row.default else ''}"))
    statuses = [(str(int(status)), text) for status, text in STATUSES]
    pages = ", ".join(sorted(path.stem for path in (HOME / "docs").glob("*.md")))
    sections = (
        ("WORDS", _rows(words)), ("VARIABLES", _rows(variables)), ("SWITCHES", _rows(SWITCHES)),
        ("FILES", _rows(FILES)), ("EXIT STATUS", [*_rows(statuses), ".PP", "10 to 39: what usb refused."]),
    )  # fmt: skip
    lines = [
        f'.TH BOOTWRIGHT 1 "" "bootwright {__version__}"', ".SH NAME",
        r"bootwright \- build a kernel in Rust into a disk that boots, and start it", ".SH SYNOPSIS", ".B bootwright",
        r"[\fIword\fR] [\fINAME\fR=\fIvalue\fR ...] [\fIswitch\fR ...]", ".SH DESCRIPTION",
        "The kernel is the Cargo package of the current directory, or of one above. Without a word its image is built.",
        *(line for title, text in sections for line in (f".SH {title}", *text)),
        ".SH SEE ALSO", rf"\fBbootwright {HELP}\fR \fISUBJECT\fR prints a page: {_text(pages)}.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for name, text in rows for line in (".TP", rf"\fB{_text(name)}\fR", _text(text))]


def _text(text: str) -> str:
    """Returns text with what groff would take for its own escaped, and the program's name for scons's."""
    text = SCONS.sub("bootwright", text).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text[:1] in ".'" else text
