"""[profile.dev] and [profile.release] of Cargo.toml, and the flags that Cargo would give rustc for them.

Cargo's defaults: https://doc.rust-lang.org/cargo/reference/profiles.html. `strip` has no effect: the image never holds
debug sections, and NAME.elf is there to debug with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bootwright.cargo.toml import Table, show

VARIANTS = {"debug": "dev", "release": "release"}
_OPT_LEVELS = ("0", "1", "2", "3", "s", "z")
_DEBUG = {
    '"none"': "0", "false": "0", "0": "0", '"limited"': "1", "1": "1", '"full"': "2", "true": "2", "2": "2",
    '"line-tables-only"': "line-tables-only", '"line-directives-only"': "line-directives-only",
}  # fmt: skip
_LTO = {"false": "", "true": "fat", '"fat"': "fat", '"thin"': "thin", '"off"': "off"}
_PANIC = {f'"{word}"': word for word in ("unwind", "abort", "immediate-abort")}


@dataclass(frozen=True)
class Profile:
    """One profile in rustc's words: opt_level 0-3, s or z; debug is debuginfo's value; lto is "", fat, thin or off.

    codegen_units is None for rustc's own choice; panic is Cargo's word: "unwind" where the profile says nothing.
    """

    opt_level: str
    debug: str
    debug_assertions: bool
    overflow_checks: bool
    lto: str = ""
    codegen_units: int | None = None
    panic: str = "unwind"


DEFAULTS = {
    "dev": Profile("0", "2", debug_assertions=True, overflow_checks=True),
    "release": Profile("3", "0", debug_assertions=False, overflow_checks=False),
}


def read_profiles(profiles: Table) -> dict[str, Profile]:
    """Returns the profiles of our variants, debug and release, from the table [profile]."""
    return {variant: _read(profiles.table(name), DEFAULTS[name]) for variant, name in VARIANTS.items()}


def rustc_profile_flags(profile: Profile) -> list[str]:
    """Returns rustc's arguments for the profile.

    As with Cargo there is none for panic = "unwind", which leaves it to the target.
    """
    flags = [
        f"-Copt-level={profile.opt_level}",
        f"-Cdebuginfo={profile.debug}",
        f"-Cdebug-assertions={'on' if profile.debug_assertions else 'off'}",
        f"-Coverflow-checks={'on' if profile.overflow_checks else 'off'}",
    ]
    if profile.lto:
        flags.append(f"-Clto={profile.lto}")
    if profile.codegen_units is not None:
        flags.append(f"-Ccodegen-units={profile.codegen_units}")
    if profile.panic != "unwind":
        flags.append(f"-Cpanic={profile.panic}")
    return flags


def profiles_that_unwind(profiles: Mapping[str, Profile]) -> list[str]:
    """Returns the names, as Cargo.toml writes them, of the profiles that do not say panic = "abort"."""
    return [f"[profile.{VARIANTS[variant]}]" for variant, profile in profiles.items() if profile.panic == "unwind"]


def _read(table: Table, default: Profile) -> Profile:
    opt_level = str(table.values.get("opt-level", default.opt_level))
    if opt_level not in _OPT_LEVELS or isinstance(table.values.get("opt-level"), (bool, float)):
        raise table.error("opt-level", f'is {show(table.values["opt-level"])}, not 0, 1, 2, 3, "s" or "z"')
    units = table.get("codegen-units", int)
    if units is not None and units < 1:
        raise table.error("codegen-units", f"is {units}, not 1 or more")
    return Profile(
        opt_level,
        _one_of(table, "debug", _DEBUG, default.debug),
        table.get("debug-assertions", bool, default.debug_assertions),
        table.get("overflow-checks", bool, default.overflow_checks),
        _one_of(table, "lto", _LTO, default.lto),
        units,
        _one_of(table, "panic", _PANIC, default.panic),
    )


def _one_of(table: Table, key: str, meanings: dict[str, str], default: str) -> str:
    """Returns the meaning of key's value as TOML writes it, so that true is not 1."""
    value = table.values.get(key)
    if value is None:
        return default
    if show(value) not in meanings:
        raise table.error(key, f"is {show(value)}, not one of {', '.join(meanings)}")
    return meanings[show(value)]
