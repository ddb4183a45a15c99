"""What a specification says to the linker alone: taken out of it, and given to the linker where a program is linked.

rustc takes a core only for the very text that it was compiled for, one blank more and it is another target's (E0461).
So what compiles is a text without those words: specifications that differ in them alone share one core.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from bootwright.base.records import record

LLD = ("ld.lld", "gnu-lld")  # one flavour, under its older and its newer name
DRIVERS = ("gcc", "gnu-cc", "gnu-lld-cc")  # what stands under these in a table is no word for lld
FIRST, LAST = "pre-link-args", ("late-link-args", "post-link-args")  # where on the linker's command they come
SCRIPT = "link-script"  # the text itself: rustc writes it to a file, which --script names
LINKER = "rust-lld"  # stands for any: ours is named to rustc


@record(frozen=True)
class _Member:
    """One key of a JSON object: where it begins, where its value begins and ends, and the value."""

    key: str
    start: int
    value_start: int
    end: int
    value: object


def take_linker_words(text: str, keep: Callable[[str], Path]) -> tuple[str, tuple[str, ...]]:
    """Returns a specification's text as rustc compiles by it, and the arguments for rustc that link as text says.

    text is migrated; of what is not taken out each character stays. Of a flavour that is not lld's, and of tables that
    name another, all stays. keep writes a linker script that stands in it, and returns the file.
    """
    members = {member.key: member for member in _members(text)}
    flavour = members.get("linker-flavor")
    if flavour is None or flavour.value not in LLD:
        return text, ()
    words: list[str] = []
    for key in (FIRST, *LAST):
        table = members[key].value if key in members else None
        if isinstance(table, dict) and set(table) <= {*LLD, *DRIVERS}:
            option = ("-Z", "pre-link-arg=") if key == FIRST else ("-C", "link-arg=")
            name = next((name for name in reversed(LLD) if name in table), "")  # rustc takes the first, in its order
            given = [str(word) for word in table.get(name, ())]
            words += [part for word in given for part in (option[0], f"{option[1]}{word}")]
            text = _without(text, key)
    script = members[SCRIPT].value if SCRIPT in members else None
    if isinstance(script, str):
        words += ["-C", f"link-arg=--script={keep(script)}"]
        text = _without(text, SCRIPT)
    for key, value in (("linker", LINKER), ("linker-flavor", LLD[0])):
        member = next((member for member in _members(text) if member.key == key), None)
        if member is not None:
            text = f"{text[: member.value_start]}{json.dumps(value)}{text[member.end :]}"
    return text, tuple(words)


def _without(text: str, key: str) -> str:
    """Returns text without the member key, as it was before somebody added that."""
    members = list(_members(text))
    number = next(number for number, member in enumerate(members) if member.key == key)
    if number + 1 < len(members):
        return text[: members[number].start] + text[members[number + 1].start :]
    start = members[number - 1].end if number else members[number].start
    return text[:start] + text[members[number].end :]


def _members(text: str) -> Iterator[_Member]:
    """Yields the members of the object that text is."""
    decoder = json.JSONDecoder()
    position = _skip(text, text.index("{") + 1)
    while text[position] != "}":
        start = position
        key, position = decoder.raw_decode(text, start)
        value_start = _skip(text, _skip(text, position) + 1)  # after the colon
        value, end = decoder.raw_decode(text, value_start)
        yield _Member(key, start, value_start, end, value)
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    """Returns where the blanks from position on end."""
    while text[position] in " \t\r\n":
        position += 1
    return position
