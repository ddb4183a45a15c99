"""Arguments of a compiler that links, gcc or clang, as lld takes them, which links here in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bootwright.cargo.units import codegen_option
from bootwright.rust.flags import without_scripts

HANDED_ON = ("-static", "-nostdlib", "-no-pie", "-pie", "-r", "-s", "-n", "-N")
DRIVERS = ("gcc", "gnu-cc", "gnu-lld-cc")  # flavours whose linker is a compiler's driver
# What lld does not take, or takes for something else (-m64 for an emulation); none of it is missed where lld links.
OF_DRIVERS = re.compile(
    "-(nostartfiles|nodefaultlibs|nolibc|ffreestanding|fno-.*|fuse-ld=.*|f(PIC|PIE|pic|pie)|static-libgcc|"
    "m(16|32|64|x32|arch=.*|tune=.*|cpu=.*|cmodel=.*|no-.*|soft-float|thumb|general-regs-only)|lgcc(_eh|_s)?)"
)
OF_COMPILERS = ("-lgcc", "-lgcc_eh", "-lgcc_s")  # a library of gcc's own, in whose place is compiler_builtins
# A linker's name by which rustc knows such a compiler: with a target before it, a version behind it.
COMPILER = re.compile(r"(?:.*-)?(?:cc|c\+\+|gcc|g\+\+|clang|clang\+\+)(?:-[0-9.]+)?(?:\.exe)?")
LINK_ARGUMENT = re.compile(r"(?:-C|--codegen=)?link-arg(s?)=(.*)", re.DOTALL)
FLAVOUR = re.compile(r"(?:-C|--codegen=)?linker-flavor=.*")


def words_for_linker(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Returns what a compiler's driver hands on to the linker of its own arguments, and the others."""
    found: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        if word.startswith("-Wl,"):
            found += word.split(",")[1:]
        elif word == "-Xlinker":
            found.append(next(rest, ""))
        elif word in OF_COMPILERS:
            others.append(word)
        elif word in ("-T", "-L", "-l", "-u", "-z", "-e"):
            found += [word, next(rest, "")]
        elif word.startswith(("-T", "-L", "-l", "-z", "-e", "-u")) or not word.startswith("-") or word in HANDED_ON:
            found.append(word)
        else:
            others.append(word)
    return [word for word in found if word], others


def is_of_a_driver(word: str) -> bool:
    """Tells whether an argument is a compiler's that links, and none of lld's own."""
    return word.startswith("-Wl,") or word == "-Xlinker" or OF_DRIVERS.fullmatch(word) is not None


def undriven(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Returns arguments that somebody wrote for lld as it takes them, and those that are for a compiler alone."""
    found: list[str] = []
    others: list[str] = []
    for word in words:
        if word.startswith("-Wl,"):
            found += word.split(",")[1:]
        elif word != "-Xlinker":  # what follows is an argument of the linker's
            (others if OF_DRIVERS.fullmatch(word) else found).append(word)
    return found, others


def driver_in(words: Sequence[str]) -> str:
    """Returns the compiler that rustc's arguments have link, "" where they name none: then arguments are a linker's."""
    linker, flavour = (codegen_option(words, name) for name in ("linker", "linker-flavor"))
    if flavour:
        return linker or flavour if flavour in DRIVERS else ""
    return linker if COMPILER.fullmatch(Path(linker).name) else ""


def for_linker(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns rustc's arguments with those for a compiler that links as lld takes them, and what is for one alone.

    Several of rustc's may be one of the compiler's (-Xlinker and what follows), so that all stand where the first did.
    """
    kept: list[str] = []
    given: list[str] = []
    first = 0
    rest = iter(words)
    for word in rest:
        own = [word, next(rest, "")] if word in ("-C", "--codegen") else [word]
        if FLAVOUR.fullmatch(own[-1]):
            continue
        option = LINK_ARGUMENT.fullmatch(own[-1])
        if option is None:
            kept += own
            continue
        first = first if given else len(kept)
        given += option[2].split() if option[1] else [option[2]]
    found, others = words_for_linker(given)
    return [*kept[:first], *(part for word in found for part in ("-C", f"link-arg={word}")), *kept[first:]], others


def as_linked(words: Sequence[str], driven: bool, own_script: bool) -> list[str]:
    """Returns rustc's arguments for a program as it is linked here.

    driven: those for the linker are a compiler's. own_script: LDSCRIPT= is in place of the scripts that they name.
    """
    words = for_linker(words)[0] if driven else words
    return without_scripts(words)[0] if own_script else list(words)
