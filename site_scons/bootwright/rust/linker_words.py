"""What a specification says to the linker alone: taken out of it, and given to the linker where a program is linked.

rustc takes a core only for the very text that it was compiled for, one blank more and it is another target's (E0461).
So what compiles is the same text for all specifications that differ in words for the linker, blanks or the order of
keys, and they share one core.
"""

from __future__ import annotations

import json

from bootwright.rust.builtin_targets import Spec

LLD = ("ld.lld", "gnu-lld")  # one flavour, under its older and its newer name
DRIVERS = ("gcc", "gnu-cc", "gnu-lld-cc")  # what stands under these in a table is no word for lld
FIRST, LAST = "pre-link-args", ("late-link-args", "post-link-args")  # where on the linker's command they come
LINKER = "rust-lld"  # stands for any: ours is named to rustc


def take_linker_words(text: str) -> tuple[str, tuple[str, ...]]:
    """Returns a specification's text as rustc compiles by it, and the arguments for rustc that link as text says.

    text is migrated. Of a flavour that is not lld's, and of tables that name another, all stays as it is.
    """
    spec: Spec = json.loads(text)
    words: list[str] = []
    if spec.get("linker-flavor") in LLD:
        spec["linker-flavor"] = LLD[0]
        if "linker" in spec:
            spec["linker"] = LINKER
        for key in (FIRST, *LAST):
            table = spec.get(key)
            if isinstance(table, dict) and set(table) <= {*LLD, *DRIVERS}:
                option = ("-Z", "pre-link-arg=") if key == FIRST else ("-C", "link-arg=")
                given = [str(word) for flavour in LLD for word in table.get(flavour, ())]
                words += [part for word in given for part in (option[0], f"{option[1]}{word}")]
                del spec[key]
    return json.dumps(spec, indent=2, sort_keys=True) + "\n", tuple(words)
