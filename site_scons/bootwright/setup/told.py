"""An error as it is told: where the machine lacks something, with the command that brings it here."""

from __future__ import annotations

from collections.abc import Mapping

from bootwright.base.errors import BootwrightError, LackOfProgram, Lacks
from bootwright.setup import cures, doctor, lookup


def add_cure(error: BootwrightError, environ: Mapping[str, str]) -> BootwrightError:
    """Returns error, whose hint begins with the command that brings what the machine lacks, if that is its matter."""
    if isinstance(error, Lacks):
        if isinstance(error.lack, LackOfProgram):
            command = doctor.cure([error.lack.name], lookup.Search(), environ)
        else:
            command = cures.for_lack(error.lack, environ)
        if not error.hint.startswith(command):  # it may have been told before, in another process
            error.hint = f"{command}; {error.hint}" if error.hint else command
    return error
