"""build-command of [package.metadata.bootimage]: which words of it cargo gets here, and what becomes of the others.

bootimage gives cargo all of them. Here cargo plans, below build/ and with answers for a program, so that words which
say where it writes or how it answers are left out, and told. The words for profile, program and target are defaults:
what the command line says wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any

PROFILE, RELEASE = "--profile", ("--release", "-r")
TARGET, BIN, EXAMPLE = "--target", "--bin", "--example"
ELSEWHERE = "what is made lies below build/"
ANSWERS = "cargo's answers are read here"
# What is left out, with the reason that ends the line. None: it says nothing that is not so in any case.
LEFT_OUT: Mapping[str, str | None] = {
    TARGET: None,
    BIN: None,
    EXAMPLE: None,
    "--target-dir": ELSEWHERE,
    "--build-dir": ELSEWHERE,
    "--artifact-dir": ELSEWHERE,
    "--out-dir": ELSEWHERE,
    "--lockfile-path": "the lock file is a copy below build/",
    "--manifest-path": "KERNEL= names the package",
    "--message-format": ANSWERS,
    "--color": "NO_COLOR and TERM say whether there is colour",
    "--jobs": "-j says how many steps run at once",
    "-j": "-j says how many steps run at once",
}
ALONE: Mapping[str, str | None] = {
    "-Zbuild-std": None,  # core and alloc are made here
    "-Zbuild-std-features": "core and alloc are made here, with memory functions",
    "--": "rustflags in .cargo/config.toml reach the compiler",
    "--offline": None,
    "--frozen": None,
    "--timings": ANSWERS,
    "--quiet": ANSWERS,
    "-q": ANSWERS,
    "--verbose": "--verbose of scons shows commands in full",
    "-v": "--verbose of scons shows commands in full",
    "-vv": "--verbose of scons shows commands in full",
    "--build-plan": ANSWERS,
    "--unit-graph": ANSWERS,
    "--keep-going": "-k of scons goes on after an error",
}
WITH_VALUE = (*LEFT_OUT, PROFILE)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str | None, tuple[str, ...]]]:
    """Yields each word behind the verb as an option, its value where it takes one, and the words that it is."""
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        if name in WITH_VALUE and not equals:
            value = next(rest, "")
            yield name, value, (word, value)
        elif word == "-Z":
            value = next(rest, "")
            yield _unstable(value), value, (word, value)
        elif word[:2] == "-j" and word[2:].isdigit():
            yield "-j", word[2:], (word,)
        elif word == "--":
            yield word, None, (word, *rest)
        else:
            yield _unstable(word[2:]) if word[:2] == "-Z" else name, value if equals else None, (word,)


def _unstable(value: str) -> str:
    """Returns the name of an option of -Z."""
    return f"-Z{value.partition('=')[0]}"


def command_of(metadata: Mapping[str, Any]) -> list[str]:
    """Returns the words of build-command in a package's metadata, the verb first; empty where they are none.

    What is no list of strings is told by metadata.read_bootimage.
    """
    bootimage = metadata.get("bootimage")
    words = bootimage.get("build-command") if isinstance(bootimage, dict) else None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else []


def words_for_cargo(words: Sequence[str], profile_is_said: bool) -> list[str]:
    """Returns what `cargo build` gets of build-command; without its profile where the command line says one."""
    kept: list[str] = []
    for name, _, own in _options(words):
        is_profile = name in (PROFILE, *RELEASE)
        if name not in LEFT_OUT and name not in ALONE and not (is_profile and profile_is_said):
            kept += own
    return kept


def profile_words(variant: str, is_said: bool) -> tuple[str, ...]:
    """Returns cargo's words for VARIANT=; none for debug where nobody said it, so that build-command may."""
    if variant == "debug":
        return (PROFILE, "dev") if is_said else ()
    return RELEASE[:1] if variant == "release" else (PROFILE, variant)


def value_of(words: Sequence[str], *names: str) -> str:
    """Returns the value of the last of the options names in build-command; "" where there is none."""
    return next((value or "" for name, value, _ in reversed(list(_options(words))) if name in names), "")


def told(words: Sequence[str]) -> list[str]:
    """Returns the end of a line for each word of build-command that has no effect here."""
    found = []
    for name, value, own in _options(words):
        why = LEFT_OUT.get(name) or ALONE.get(name)
        if name in (TARGET, BIN, EXAMPLE) and value != (last := value_of(words, name)):
            why = f"a build here is for one, and {name} {last} comes last"
        elif name == EXAMPLE and (program := value_of(words, BIN)):
            why = f"a build here is for one, and {BIN} {program} goes first"
        if why:
            found.append(f"holds {' '.join(own)}, which has no effect: {why}")
    if words and words[0] not in ("build", "b", "xbuild"):
        found.append(f"begins with {words[0]}, and it is `cargo build` that is planned: the words behind it count")
    return found
