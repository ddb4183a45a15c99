"""What one line under a compiler's or a linker's error says: the types of the catalogue, and the look-up in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bootwright.rust.rustc import Diagnostic


@dataclass(frozen=True)
class Situation:
    """What a line depends on beside the error itself.

    target is a triple or the name of a specification; main is the crate root as rustc saw it; lacking names the
    profiles of Cargo.toml without panic = "abort". own: the sources are the person's, who may mend them.
    """

    edition: str = "2024"
    target: str = ""
    main: str = "src/main.rs"
    lacking: tuple[str, ...] = ()
    own: bool = True

    def words(self) -> dict[str, str]:
        """Returns what a line's {names} stand for."""
        no_mangle = "#[no_mangle]" if self.edition < "2024" else "#[unsafe(no_mangle)]"
        return {
            "target": self.target or "this machine",
            "main": self.main,
            "lacking": " and ".join(self.lacking),
            "no_mangle": no_mangle,
            "start": f'{no_mangle} pub extern "C" fn _start() -> ! {{ loop {{}} }}',
        }


@dataclass(frozen=True)
class Wording:
    """One wording: a regular expression, by whom it is used, and the code of the error where rustc has one.

    Named groups of the pattern can be used in the entry's line.
    """

    pattern: str
    by: str
    code: str = ""

    def match(self, diagnostic: Diagnostic) -> re.Match[str] | None:
        """Returns where the diagnostic uses it: its code is the same, and the words are there."""
        return re.search(self.pattern, diagnostic.text) if self.code in ("", diagnostic.code) else None


@dataclass(frozen=True)
class Explanation:
    """One entry: line says what the error means here and what to do, with the {names} of Situation.words.

    when holds conditions on the Situation: aborts (no profile lacks panic = "abort"), own.
    """

    name: str
    wordings: tuple[Wording, ...]
    line: str
    when: Mapping[str, bool] = field(default_factory=dict)

    def explain(self, said: Iterable[Diagnostic], situation: Situation) -> str:
        """Returns the line if one of the errors is this one, else nothing."""
        for diagnostic in said:
            for wording in self.wordings:
                match = wording.match(diagnostic)
                if match and self._holds(match, situation):
                    return self.line.format(**situation.words(), **match.groupdict())
        return ""

    def _holds(self, match: re.Match[str], situation: Situation) -> bool:
        facts = {
            "aborts": not situation.lacking,
            "own": situation.own,
        }
        return all(facts[name] == wanted for name, wanted in self.when.items())
