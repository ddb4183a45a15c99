"""Words that a specification has for a linker: which are taken, how lld takes them, and what is told of the others."""

from __future__ import annotations

import pytest
from tests.unit.rust.test_migrate import RUSTC_196, kernel_spec

from bootwright.rust.spec_changes import migrate

SCRIPT = ["-m64", "-Wl,-Tk.ld", "-lgcc"]


@pytest.mark.parametrize(
    ("flavour", "table", "flavour_now", "table_now", "told"),
    [
        ("gcc", {"gcc": SCRIPT}, "ld.lld", {"gcc": SCRIPT, "ld.lld": ["-Tk.ld"]},
         "pre-link-args: what gcc hands on to the linker, for lld, without -m64 -lgcc"),
        (None, {"gcc": ["-Tk.ld"]}, "ld.lld", {"gcc": ["-Tk.ld"], "ld.lld": ["-Tk.ld"]},
         "pre-link-args: what gcc hands on to the linker, for lld"),
        ("gcc", ["-Tk.ld"], "ld.lld", {"gcc": ["-Tk.ld"], "ld.lld": ["-Tk.ld"]},
         "pre-link-args: as gcc's, which was a list for any linker"),
        # The words of the flavour that links count, whatever stands there for another.
        ("gcc", {"gcc": ["-Tk.ld"], "ld.lld": ["-Tother.ld"]}, "ld.lld", {"gcc": ["-Tk.ld"], "ld.lld": ["-Tk.ld"]},
         "pre-link-args: what gcc hands on to the linker, for lld"),
        ("gcc", {"gcc": ["-Tk.ld"], "ld": ["-Tother.ld"]}, "ld.lld", {"gcc": ["-Tk.ld"], "ld.lld": ["-Tk.ld"]},
         "pre-link-args: ld's words have no effect, gcc's are taken: -Tother.ld"),
        ("ld", {"ld": ["-Tk.ld"], "gcc": ["-Wl,-Tother.ld", "-m64"]}, "ld",
         {"ld": ["-Tk.ld"], "gcc": ["-Wl,-Tother.ld", "-m64"]},
         "pre-link-args: gcc's words have no effect, ld's are taken: -Tother.ld"),
        ("ld", {"ld": ["-Tk.ld"], "gcc": ["-Wl,-Tk.ld", "-m64"]}, "ld",
         {"ld": ["-Tk.ld"], "gcc": ["-Wl,-Tk.ld", "-m64"]}, ""),
        ("ld.lld", {"gcc": ["-m64"]}, "ld.lld", {"gcc": ["-m64"]}, ""),
        ("ld.lld", {"gcc": ["-Wl,-n"], "msvc": ["/BASE:0"]}, "ld.lld", {"gcc": ["-Wl,-n"], "msvc": ["/BASE:0"]},
         "pre-link-args: msvc's words have no effect, lld links, and none are taken: /BASE:0"),
        ("ld.lld", {"ld": ["-n"], "ld.lld": ["-Tk.ld"]}, "ld.lld", {"ld": ["-n"], "ld.lld": ["-Tk.ld"]},
         "pre-link-args: ld.lld's words have no effect, ld's are taken: -Tk.ld"),
        # A compiler's words that stand for lld.
        ("ld.lld", {"ld.lld": ["-nostartfiles", "-Wl,-Tk.ld,-n", "-m64", "-Xlinker", "-e", "main", "-lgcc"]}, "ld.lld",
         {"ld.lld": ["-Tk.ld", "-n", "-e", "main"]},
         "pre-link-args: ld.lld's words as lld itself takes them: -Tk.ld -n -e main, without -nostartfiles -m64 -lgcc"),
        ("ld.lld", {"ld.lld": ["-Tk.ld", "-melf_x86_64", "--no-pie"]}, "ld.lld",
         {"ld.lld": ["-Tk.ld", "-melf_x86_64", "--no-pie"]}, ""),
    ],
)  # fmt: skip
def test_words_for_the_linker_are_those_of_the_flavour_that_links(
    flavour: str | None, table: object, flavour_now: str, table_now: object, told: str
) -> None:
    spec = kernel_spec(pre_link_args=table, linker_flavor=flavour)
    if flavour is None:
        del spec["linker-flavor"]
    migrated, changes = migrate(spec, RUSTC_196)
    assert (migrated["linker-flavor"], migrated["pre-link-args"]) == (flavour_now, table_now)
    assert told in changes if told else changes == []
