"""A machine under the accelerator that boots quicker here: run/ decides, and a Machine obeys."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bootwright.base.errors import BootwrightError
from bootwright.base.records import replace
from bootwright.machine.accelerator import choose_accelerator, forget_accelerator
from bootwright.machine.boards import board_named
from bootwright.machine.config import MachineConfig
from bootwright.machine.machine import Machine
from bootwright.machine.options import TCG, is_chosen_by_hand
from bootwright.machine.qemu import find_qemu

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import TextIO


@contextlib.contextmanager
def started(config: MachineConfig, display: str | None = None, notes: TextIO | None = None) -> Iterator[Machine]:
    """Gives the machine, started and paused; where neither config nor its flags name an accelerator one is chosen.

    notes hear of a choice that was made just now. One that QEMU does not start with is forgotten, and the error says
    so.
    """
    choice, qemu = None, find_qemu(config.qemu, program=board_named(config.board).qemu)
    if board_named(config.board).is_pc and not config.accelerator and not is_chosen_by_hand(config.flags):
        choice = choose_accelerator(qemu)
        config = replace(config, accelerator=choice.name)
    with contextlib.ExitStack() as stack:
        try:
            machine = stack.enter_context(Machine(config, display))
        except BootwrightError as error:
            if choice and choice.name != TCG:
                forget_accelerator(qemu)
                error.hint += f"\n  {choice.name} was the quicker accelerator once; the next start finds out anew"
            raise
        if notes and choice and choice.fresh:
            notes.write(f"bootwright: from now on the machine runs with {choice.name}: {choice.why}\n")
            notes.flush()
        yield machine
