"""What a specification says to the linker alone is no part of what rustc compiles by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootwright.rust.linker_words import take_linker_words

PLAIN = """{
  "llvm-target": "x86_64-unknown-none", "arch": "x86_64",
  "linker-flavor": "ld.lld",
    "linker": "rust-lld",
  "metadata": { "description": "a kernel's, machine \\"}" }
}
"""
BEFORE = '"pre-link-args": {"ld.lld": ["-Ta.ld", "-n"]},'
AFTER = ',\n  "post-link-args": {"gnu-lld": ["--build-id=none"], "gcc": ["-Wl,-b"]}'
LATE = '"late-link-args": { "ld.lld": ["-a"] }, '


def keep(script: str) -> Path:
    """Has the script as a file's name, so that a test sees it."""
    return Path("/kept", script)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PLAIN, ()),
        (PLAIN.replace("rust-lld", "/usr/bin/ld.lld"), ()),
        (PLAIN.replace('"ld.lld"', '"gnu-lld"'), ()),
        (PLAIN.replace('    "linker"', f'    {BEFORE}\n    "linker"'),
         ("-Z", "pre-link-arg=-Ta.ld", "-Z", "pre-link-arg=-n")),
        (PLAIN.replace('}" }', '}" }' + AFTER), ("-C", "link-arg=--build-id=none")),
        (PLAIN.replace('"arch"', LATE + '"arch"').replace('}" }', '}" }' + AFTER),
         ("-C", "link-arg=-a", "-C", "link-arg=--build-id=none")),
        (PLAIN.replace('"arch"', '"link-script": "SECTIONS { }", "arch"'),
         ("-C", "link-arg=--script=/kept/SECTIONS { }")),
    ],
    ids=["plain", "names", "another name of lld", "before", "after", "late", "a script"],
)  # fmt: skip
def test_specifications_that_differ_for_the_linker_alone_compile_by_one_text(text: str, words: tuple[str, ...]) -> None:
    json.loads(text)
    assert take_linker_words(text, keep) == (PLAIN, words)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace('"ld.lld"', '"gcc"').replace('"arch"', '"pre-link-args": {"gcc": ["-static"]}, "arch"'),
        PLAIN.replace('"arch"', '"pre-link-args": {"ld": ["-n"], "ld.lld": ["-n"]}, "arch"'),
        '{"arch": "x86_64"}',
        "{ }",
    ],
    ids=["a driver", "another linker", "no flavour", "nothing"],
)
def test_what_may_be_more_than_that_stays(text: str) -> None:
    assert take_linker_words(text, keep) == (text, ())


def test_the_only_member_leaves_an_object() -> None:
    text = '{"linker-flavor": "gnu-lld", "pre-link-args": {}}'
    assert take_linker_words(text, keep) == ('{"linker-flavor": "ld.lld"}', ())
