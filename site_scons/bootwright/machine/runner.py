"""The machine of an author whose `cargo run` starts QEMU: cargo's runner for a kernel that a board runs.

`runner = "qemu-system-arm -cpu cortex-m3 -machine lm3s6965evb -nographic ... -kernel"`: cargo adds the program's path.
What such words say of the machine is obeyed; what they say of windows, debuggers, monitors and logs is ours to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from bootwright.cargo.config import Configuration
from bootwright.cargo.config_keys import dotted, told_keys

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any

    from bootwright.machine.boards import Board

KERNEL = ("-kernel", "--kernel")
OURS = (
    "-kernel",
    "-nographic",
    "-display",
    "-monitor",
    "-gdb",
    "-s",
    "-S",
    "-name",
    "-daemonize",
    "-no-shutdown",
    "-d",
    "-D",
)
STARTS = {"run", "test", "gdb"}


def tell_keys(
    configuration: Configuration, target: str, board: Board | None, wanted: Sequence[str], tell: Callable[[str], None]
) -> tuple[str, ...]:
    """Tells of the keys of cargo's configuration that a build does not obey; returns QEMU's words of the runner.

    target is a triple or the name of a specification, board what runs it, wanted the words of the command line. () for
    a runner that is not the board's QEMU, started with the program's path behind -kernel.
    """
    where, words = _runner(configuration, target, board) if board and not board.is_pc else ("", ())
    for line in told_keys(configuration, target, wanted):
        if not where or where not in line:
            tell(line)
    if words and STARTS & set(wanted):
        import shlex  # a build does not pay for these two

        tell(f"{where} is the machine: {shlex.join(words)}")
    return words


def _runner(configuration: Configuration, target: str, board: Board) -> tuple[str, tuple[str, ...]]:
    """Returns where the runner is that cargo would take, as told_keys words it, and its words for QEMU."""
    variable = f"CARGO_TARGET_{re.sub('[-.]', '_', target.upper())}_RUNNER"
    if variable in configuration.environ:
        found = [(variable, configuration.environ[variable])]
    else:
        runners = [leaf for leaf in configuration.leaves() if leaf.key[0] == "target" and leaf.key[2:] == ("runner",)]
        exact = [leaf for leaf in runners if leaf.key[1] == target]
        by_cfg = [leaf for leaf in runners if leaf.key[1].startswith("cfg(")]
        found = [(f"{leaf.path}: {dotted(leaf.key)}", leaf.value) for leaf in exact or by_cfg]
    asked = [(where, words) for where, value in found for words in _words(value, board)]
    # Which cfg() fits a target cargo knows; of one that starts the target's own QEMU there is no doubt.
    return asked[0] if len(asked) == 1 else ("", ())


def _words(value: Any, board: Board) -> Iterator[tuple[str, ...]]:
    """Yields the words for the board's QEMU, where value, a runner as cargo takes it, is that with -kernel last."""
    words = value.split() if isinstance(value, str) else [str(word) for word in value]
    if words and re.split(r"[/\\]", words[0])[-1].removesuffix(".exe") == board.qemu and words[-1] in KERNEL:
        from bootwright.machine.options import without

        yield without(words[1:], *OURS)
