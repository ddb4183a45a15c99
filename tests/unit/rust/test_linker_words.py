"""What a specification says to the linker alone is no part of what rustc compiles by."""

from __future__ import annotations

import json

import pytest

from bootwright.rust.linker_words import take_linker_words

PLAIN = {"llvm-target": "x86_64-unknown-none", "linker": "rust-lld", "linker-flavor": "ld.lld", "arch": "x86_64"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, ()),
        ({"linker": "ld.lld", "linker-flavor": "gnu-lld"}, ()),
        ({"pre-link-args": {"ld.lld": ["-Ta.ld", "-n"]}}, ("-Z", "pre-link-arg=-Ta.ld", "-Z", "pre-link-arg=-n")),
        ({"post-link-args": {"gnu-lld": ["--build-id=none"]}}, ("-C", "link-arg=--build-id=none")),
        ({"late-link-args": {"ld.lld": ["-a"], "gcc": ["-Wl,-b"]}, "post-link-args": {"ld.lld": ["-c"]}},
         ("-C", "link-arg=-a", "-C", "link-arg=-c")),
    ],
    ids=["plain", "names", "before", "after", "late"],
)  # fmt: skip
def test_specifications_that_differ_for_the_linker_alone_compile_alike(
    more: dict[str, object], words: tuple[str, ...]
) -> None:
    other = json.dumps(dict(reversed({**PLAIN, **more}.items())), indent=8)
    assert take_linker_words(other) == (take_linker_words(json.dumps(PLAIN))[0], words)


@pytest.mark.parametrize(
    "more",
    [
        {"linker-flavor": "gcc", "pre-link-args": {"gcc": ["-static"]}},
        {"pre-link-args": {"ld": ["-n"], "ld.lld": ["-n"]}},
        {"disable-redzone": True},
    ],
    ids=["a driver", "another linker", "no linker's word"],
)
def test_what_may_be_more_than_that_stays(more: dict[str, object]) -> None:
    text, words = take_linker_words(json.dumps({**PLAIN, **more}))
    assert (json.loads(text), words) == ({**PLAIN, **more}, ())
