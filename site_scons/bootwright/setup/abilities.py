"""What can be done with the programs that are here: a verdict for building, running, debugging, testing, flashing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bootwright.setup import needs
from bootwright.setup.programs import SOME_TESTS

# How each is asked for; the first two are what a kernel cannot do without.
WORDS: Mapping[str, tuple[str, ...]] = {
    "build": (), "run": ("run", "--headless"), "gdb": ("gdb", "--headless"), "test": ("test",),
    "flash": ("usb", "DEV=disk"),
}  # fmt: skip
ESSENTIAL = ("build", "run")


@dataclass(frozen=True)
class Ability:
    """One of WORDS: the programs that it cannot do without and lacks, and those that it lacks for a part of it."""

    name: str
    lacks: tuple[str, ...] = ()
    lacks_in_part: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.lacks:
            return f"lacks {', '.join(self.lacks)}"
        if not self.lacks_in_part:
            return "works"
        without = f"works; without {', '.join(self.lacks_in_part)}"
        return f"{without} {SOME_TESTS if self.name == 'test' else 'as root alone'}"


def needed_for(name: str, home: str, kernel: str, target: str) -> tuple[str, ...]:
    """Returns the programs that one of WORDS needs for a kernel's directory and a TARGET=, "" for the kernel's own."""
    given = [f"KERNEL={kernel}", *([f"TARGET={target}"] if target else [])]
    return needs.needed_programs([*WORDS[name], *needs.with_target(home, given)], home=home)


def find_abilities(missing: Collection[str], home: str, kernel: str, target: str) -> list[Ability]:
    """Returns all of WORDS, where the programs missing are not here or not right."""
    without = needed_for("run", home, kernel, target)
    found = []
    for name in WORDS:
        lacks = tuple(program for program in needed_for(name, home, kernel, target) if program in missing)
        in_part: tuple[str, ...] = ("sudo",) if name == "flash" and "sudo" in missing else ()
        if name == "test":
            in_part = tuple(program for program in lacks if program not in without)
            lacks = tuple(program for program in lacks if program in without)
        found.append(Ability(name, lacks, in_part))
    return found
