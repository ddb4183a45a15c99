"""What our build adds to a unit of cargo's: where it is built, and what rustc is told beyond cargo's words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bootwright.base.records import field, record
from bootwright.cargo.units import OUT, Unit

if TYPE_CHECKING:
    from bootwright.cargo.directives import Directives
    from bootwright.rust.roots import Roots

SCRATCH = "@scratch@"  # in More's words: where the products are written at first
OF_RUSTC = ("RUSTC_BOOTSTRAP", "RUSTC_FORCE_RUSTC_VERSION", "MACOSX_DEPLOYMENT_TARGET", "SDKROOT")
MAP = "program.map"  # the linker's map there


@record(frozen=True)
class Room:
    """Where the units of a plan are built: out stands for OUT; remaps are pairs of a directory and its name in bytes.

    unseen hold what rustc may read unseen. variables are what every unit gets and only some read: those of [env].
    places are what differs from machine to machine, each with its name in what machines share.
    """

    out: Path
    remaps: tuple[tuple[str, str], ...] = ()
    unseen: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    places: tuple[tuple[str, Path | None], ...] = ()

    @property
    def of_rustc(self) -> dict[str, str]:
        """Those of variables that rustc itself reads: it names none among what it read."""
        return {name: self.variables[name] for name in OF_RUSTC if name in self.variables}

    @property
    def roots(self) -> Roots:
        """What stands for out and for places where no path may stand."""
        from bootwright.rust.roots import roots_of  # a build that compiles nothing does not pay for it

        return roots_of((("out", self.out), *self.places))

    def text(self, words: str) -> str:
        """Returns words with out for OUT."""
        return words.replace(OUT, str(self.out))

    def kept_of(self, unit: Unit) -> Path:
        """Returns the directory of what rustc keeps of unit for its next compilation."""
        return self.out / "incremental" / unit.name.rpartition("/")[2]

    def products_of(self, unit: Unit) -> Path:
        """Returns the directory in which rustc makes the products of unit, where something is kept of it."""
        return self.kept_of(unit) / "products"

    def script_said(self, unit: Unit) -> dict[str, Directives]:
        """Returns what the scripts said whose directives reach unit."""
        from bootwright.cargo.directives import read_directives  # a build that compiles nothing does not pay for it

        found = {}
        for name in unit.scripts:
            said = (self.out / f"{name}.stdout").read_text(encoding="utf-8", errors="replace")
            found[name] = read_directives(said)
        return found


@record(frozen=True)
class More:
    """What our build adds to a unit's words and variables: first comes before cargo's own words, last after them.

    script is the linker script for a program that names none itself. own_script: last names one that is in place of
    those which cargo's words name. driver is the compiler that cargo's words have link, in whose place lld does.
    """

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    script: str = ""
    own_script: bool = False
    driver: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
