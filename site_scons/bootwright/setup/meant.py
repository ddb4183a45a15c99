"""What a word of the command line that is none here may have meant: other programs' words, and slips of the fingers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from bootwright.base.errors import BootwrightError

# Words of cargo, make, bootimage and of speech, with what does the same here.
ELSEWHERE: Mapping[str, str] = {
    "all": "scons",
    "bootimage": "scons",
    "build": "scons",
    "make": "scons",
    "clean": "scons -c",
    "distclean": "scons -c",
    "release": "scons VARIANT=release",
    "debug": "scons VARIANT=debug, or scons gdb",
    "boot": "scons run",
    "qemu": "scons run",
    "start": "scons run",
    "flash": "scons usb DEV=",
    "burn": "scons usb DEV=",
    "dd": "scons usb DEV=",
    "write": "scons usb DEV=",
    "check": "scons test, or scons verify",
    "setup": "./sconsw, which does it by itself; scons doctor says what is missing",
    "install": "./sconsw, which does it by itself; scons usb DEV= writes a stick",
    "bench": "tools/bench",
}
# What architectures and processors are called, with the triple of rustc's that runs on nothing but them.
BARE: Mapping[str, str] = {
    "x86_64": "x86_64-unknown-none",
    "x86-64": "x86_64-unknown-none",
    "amd64": "x86_64-unknown-none",
    "x64": "x86_64-unknown-none",
    "x86_64-none": "x86_64-unknown-none",
    "aarch64": "aarch64-unknown-none",
    "arm64": "aarch64-unknown-none",
    "riscv64": "riscv64gc-unknown-none-elf",
    "riscv64-unknown-none": "riscv64gc-unknown-none-elf",
    "riscv": "riscv64gc-unknown-none-elf",
    "arm": "thumbv7em-none-eabihf",
    "cortex-m4": "thumbv7em-none-eabihf",
    "thumb": "thumbv7em-none-eabihf",
}
LEAST = 0.6  # of difflib's ratio: two words that a person may have taken for each other
SURE = 0.8


def nearest(name: str, names: Iterable[str], least: float = LEAST) -> str:
    """Returns the one of names that name is most like, "" where none is."""
    return next(iter(difflib.get_close_matches(name, list(names), 1, least)), "")


def meant_target(word: str, targets: Sequence[str]) -> str:
    """Returns the hint for a target that there is none of: one word differs in a letter, or is another program's."""
    known = nearest(word.lower(), [*targets, *ELSEWHERE], SURE)
    if known in ELSEWHERE:
        return f"did you mean `{ELSEWHERE[known]}`?"
    near = known or nearest(word.lower(), targets)
    return f"did you mean {near}?" if near else "scons -h lists them"


def meant_triple(word: str, triples: Sequence[str]) -> str:
    """Returns the triple that word, which is none, may have meant: a bare one, or one of triples; "" for none."""
    word = word.lower()
    if word in BARE:
        return BARE[word]
    if word in triples:
        return ""
    near = nearest(word, [*BARE.values(), *triples], 0.9)
    return near or ("" if "-" in word else BARE.get(nearest(word, BARE, SURE), ""))


def check_letters(arguments: Iterable[str], ours: Sequence[str]) -> None:
    """Raises for one of ours that was written with one dash: SCons would read -headless as -h -e -a -d -l ess.

    It says of some of these letters that it ignores them, and obeys others (-c removes), before the SConstruct is read.
    """
    for argument in arguments:
        plain = argument.partition("=")[0].lstrip("-")
        near = nearest(f"--{plain}", ours, SURE) if len(plain) > 2 and argument[1:2] != "-" else ""
        if argument.startswith("-") and near:
            raise BootwrightError(f"{argument} is several switches of one letter each", f"did you mean {near}?")


def check_switches(arguments: Sequence[str], ours: Sequence[str], others: Sequence[str]) -> None:
    """Raises for a word that begins with a dash and is no switch, but is like one of ours; others are SCons's own.

    SCons says of --fsat that there is no such option and no more.
    """
    check_letters(arguments, ours)
    known = {*ours, *others}
    for argument in arguments:
        word = argument.partition("=")[0]
        # As SCons's optparse has it, the beginning of a switch is enough where only one begins so.
        if not word.startswith("--") or not word.lstrip("-") or any(name.startswith(word) for name in known):
            continue
        near = nearest(word, known)
        raise BootwrightError(f"there is no switch {word}", f"did you mean {near}?" if near else "scons -h lists them")
