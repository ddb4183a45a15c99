"""What a person types to have something done: scons in a checkout, bootwright where that is installed.

Sentences are written for a checkout; here their words become those that work for who reads them.
"""

from __future__ import annotations

import re

from bootwright.base.home import INSTALLED, PROGRAM

SCONS = re.compile(r"(?<![\w/.\\-])(?:\./)?sconsw?(?=$|[\s`,;:)]|\.(?:\s|$))", re.MULTILINE)


def as_called(text: str) -> str:
    """Returns text with the program that this person calls where it says `scons` or `./sconsw`."""
    return SCONS.sub(PROGRAM, text) if INSTALLED else text
