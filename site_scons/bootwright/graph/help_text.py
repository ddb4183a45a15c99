"""`scons -h`: every word, variable and switch with its help, as wide as the terminal."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

from bootwright.base.called import as_called
from bootwright.base.home import INSTALLED
from bootwright.hosts.table import ARCHES, FILE, read_rows
from bootwright.machine.boards import BOARDS
from bootwright.setup.verbs import HELP, OF_PROGRAM, VERBS
from bootwright.setup.words import SWITCHES, VARIABLES

WIDEST, NARROW = 120, 60  # columns: however wide the terminal; in fewer nothing stands beside anything
CLEAN = "remove every variant, target and screenshot; .venv and the store stay"  # what SCons's own -c does here


def help_text(home: Path) -> str:
    """Returns what `scons -h` shows; home is where linker/hosts.toml lies."""
    width = min(shutil.get_terminal_size().columns, WIDEST) - 1

    def row(name: str, text: str) -> str:
        name, text = as_called(name), as_called(text)
        start = f"  {name:<18}" if len(name) < 18 else f"  {name}  "
        indent = " " * min(20, width // 3)
        if width < NARROW:  # the text begins below its name
            return f"  {name}\n{fill(text, '    ', '    ')}"
        return fill(text, start, indent)

    def fill(text: str, start: str = "", indent: str = "") -> str:
        return textwrap.fill(
            text, max(width, 30), initial_indent=start, subsequent_indent=indent, break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip

    lines = [fill("bootwright builds a Rust kernel into a disk that boots."), "", "Targets"]
    lines += [row(f"scons {verb.word}", verb.help_line) for verb in VERBS]
    lines += [row("scons -c", CLEAN), row(f"scons {HELP}", "list the pages of docs/; scons help SUBJECT prints one")]
    lines += [row(f"scons {word} {more}".rstrip(), text) for word, more, text in OF_PROGRAM if INSTALLED]
    lines += ["", "Variables, as NAME=value"]
    for v in VARIABLES:
        legal = f" ({'|'.join(v.values)})" if v.values else ""
        default = f" [{v.default}]" if v.default else ""
        lines.append(row(v.name, f"{v.help}{legal}{default}"))
    lines += ["", "Switches"]
    lines += [row(name, text) for name, text in SWITCHES]
    lines += ["", fill(f"Hosts (HOST=, ARCH={'|'.join(ARCHES)}): linker, what makes it freestanding")]
    for host in dict.fromkeys((host.host, host.linker, " ".join(host.arguments)) for host in read_rows(home / FILE)):
        lines.append(row(host[0], f"{host[1]:<10}{host[2]}"))
    lines += ["", "Machines, by the first word of TARGET="]
    for board in BOARDS:
        lines.append(row(board.asked_by, f"{board.qemu}, {board.name}; it says: {board.console}"))
    lines += ["", "-j defaults to the number of processors."]  # SCons adds where its own options are
    return "\n".join(lines) + "\n"
