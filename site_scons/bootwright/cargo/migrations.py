"""Crates that a compiler has left behind, or that are ahead of it: what of one crate's arguments is changed, as data.

A kernel that locks such a crate builds as it is; neither its sources nor the crate's are touched, and each change is
told.
"""

from __future__ import annotations

from collections.abc import Sequence

from bootwright.base.records import record, replace
from bootwright.cargo.units import Plan, Unit

Version = tuple[int, ...]


@record(frozen=True)
class Migration:
    """For package from version `since` to before `until` (None: no end), on a rustc before `rustc` (None: on each).

    Its crate is compiled without these words. why says what the compiler lacks, or has otherwise, as the end of a
    sentence. A compiler that is too new for a crate is so in each release that is supported.
    """

    package: str
    since: Version
    until: Version | None
    rustc: tuple[int, int] | None
    without: tuple[str, ...]
    why: str

    def fits(self, unit: Unit, release: tuple[int, int]) -> bool:
        """Says whether it is for unit, a crate of a registry, on a rustc of that release."""
        if unit.package != self.package or not unit.checksum or unit.is_run:
            return False
        if self.rustc is not None and release >= self.rustc:
            return False
        version = _numbers(unit.version)
        return self.since <= version and (self.until is None or version < self.until)


STEP = ("--cfg", 'feature="step_trait"')
ANOTHER_STEP = "its Step has another steps_between since 1.84, so ranges of addresses are no iterators"
CATALOGUE = (
    Migration("x86_64", (0, 14, 9), (0, 14, 13), None, STEP, ANOTHER_STEP),
    Migration("x86_64", (0, 15, 0), (0, 15, 2), None, STEP, ANOTHER_STEP),
    Migration(
        "x86_64",
        (0, 15, 5),
        None,
        (1, 97),
        STEP,
        "its Step has no forward_overflowing, so ranges of addresses are no iterators",
    ),
)


# The first series of a crate of which some release compiles on each supported rustc. Those before want asm!, llvm_asm!
# or const_fn as they were before 2021, which no argument gives back.
FIRST_SERIES = {"x86_64": (0, 14), "linked_list_allocator": (0, 9), "lock_api": (0, 4), "acpi": (3,)}


def what_helps(package: str, version: str) -> str:
    """Returns what to do about a crate of a registry that the compiler refuses, as the middle of a sentence.

    cargo update stays within a series: 0.13, or 3.
    """
    numbers = _numbers(version)
    series = numbers[:2] if numbers[0] == 0 else numbers[:1]
    asked = f"`cargo tree -i {package}` says what asks for it"
    first = FIRST_SERIES.get(package)
    if first and series < first:
        newer = ".".join(map(str, first))
        return (
            f"no release of {'.'.join(map(str, series))} is one that it does, {newer} has some: Cargo.toml is to "
            f"name a newer one, or a newer release of what needs it ({asked})"
        )
    return f"`cargo update -p {package}` takes a newer one, as far as Cargo.toml lets it ({asked})"


def migrate(plan: Plan, release: tuple[int, int], catalogue: Sequence[Migration] = CATALOGUE) -> tuple[Plan, list[str]]:
    """Returns the plan as the rustc of that release takes it, and a line for each change."""
    told: dict[str, None] = {}
    units = []
    for unit in plan.units:
        for migration in catalogue:
            words = _without(unit.argv, migration.without) if migration.fits(unit, release) else unit.argv
            if words != unit.argv:
                unit = replace(unit, argv=words)
                age = "newer than it was written for" if migration.rustc is None else "older than it wants"
                told[
                    f"{unit.package} {unit.version} is compiled without {' '.join(migration.without)}: rustc "
                    f"{release[0]}.{release[1]} is {age}, {migration.why}"
                ] = None
        units.append(unit)
    return replace(plan, units=tuple(units)), list(told)


def _without(argv: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    for start in range(len(argv) - len(words) + 1):
        if argv[start : start + len(words)] == words:
            return argv[:start] + argv[start + len(words) :]
    return argv


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in version.partition("-")[0].partition("+")[0].split("."))
