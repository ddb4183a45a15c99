"""A JSON specification of a target: a copy is migrated to what the installed rustc wants.

Specifications are unstable: each year rustc renames keys, wants numbers for strings and checks more. Only what it
insists on is changed, and each change is named; what a person chose (max-atomic-width, disable-redzone, code-model,
panic-strategy, features, linker ...) stays.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.regular import read_text
from bootwright.cargo.toml import show
from bootwright.rust.builtin_targets import Spec, judge, read_builtins
from bootwright.rust.spec_changes import check_key, layout_changed, migrate
from bootwright.rust.toolchain import Toolchain
from bootwright.storage.store import DESCRIPTION, Store

REQUIRED = ("llvm-target", "arch", "target-pointer-width")
RECIPE = 4  # to be raised when a migration comes out otherwise than before


@record(frozen=True)
class Migrated:
    """The text that the installed rustc takes, one line for each change, and the arch (x86_64 ...)."""

    text: str
    changes: tuple[str, ...]
    arch: str


def migrate_spec(
    text: str, toolchain: Toolchain, origin: Path | str = "the specification", store: Store | None = None
) -> Migrated:
    """Returns text, a specification of any year, as the installed rustc takes it; origin names it in errors.

    The answer is kept in the store, so that only the first call for a text and a rustc starts processes (0.2 s).
    Raises BootwrightError where text is no specification, or none that rustc takes however it is written.
    """
    spec = read_spec(text, origin)
    store = store or Store()
    key = hashlib.sha256(f"{RECIPE}\0{toolchain.verbose}\0{text}".encode()).hexdigest()[:32]

    def build(out: Path) -> None:
        made = _migrate_and_check(spec, toolchain, str(origin))
        facts = {"text": made.text, "changes": made.changes, "arch": made.arch}
        (out / "migrated.json").write_text(json.dumps(facts), encoding="utf-8")
        words = f"specification for {spec['llvm-target']}, rustc {toolchain.release}"
        (out / DESCRIPTION).write_text(f"{words}\n", encoding="utf-8")

    facts = json.loads((store.take_or_build("spec", key, build) / "migrated.json").read_text(encoding="utf-8"))
    return Migrated(facts["text"], tuple(facts["changes"]), facts["arch"])


def keep_text(text: str, name: str, store: Store | None = None) -> Path:
    """Returns a file name in the store that holds text: at the same place for every checkout of a person.

    text is a specification as rustc takes it, NAME.json, or the linker script that stands in one, NAME.ld.
    """

    def build(out: Path) -> None:
        (out / name).write_text(text, encoding="utf-8")
        (out / DESCRIPTION).write_text(f"{name}, as rustc takes it\n", encoding="utf-8")

    key = hashlib.sha256(f"{name}\0{text}".encode()).hexdigest()[:32]
    return (store or Store()).take_or_build("target", key, build) / name


def read_spec(text: str, origin: Path | str) -> Spec:
    """Reads a specification's JSON; raises with the file and the line or the key."""
    if text.startswith("\ufeff"):
        raise BootwrightError(f"{origin} begins with a byte order mark, which rustc does not take", "save it without")
    try:
        spec = json.loads(text)
    except json.JSONDecodeError as error:
        raise BootwrightError(f"{origin}:{error.lineno}:{error.colno}: is no JSON: {error.msg.lower()}") from error
    except ValueError as error:  # Python has a limit for the digits of a number
        raise BootwrightError(f"{origin}: is no JSON: a number in it has too many digits") from error
    except RecursionError as error:
        raise BootwrightError(f"{origin}: is nested too deeply to be read") from error
    if not isinstance(spec, dict):
        raise BootwrightError(f"{origin}: is no JSON object", 'a specification begins with {"llvm-target": ...')
    for key in REQUIRED:
        if key not in spec:
            raise BootwrightError(f'{origin}: has no key "{key}"')
    for key in ("llvm-target", "arch"):
        if not isinstance(spec[key], str):
            raise BootwrightError(f'{origin}: "{key}" is {show(spec[key])}, not a string')
    from bootwright.rust.harmful_arguments import check_arguments  # a built-in target does not pay for it

    check_arguments(spec, origin)
    return spec


def read_spec_text(path: Path) -> str:
    """Returns the text of a specification's file."""
    try:
        return read_text(path)
    except FileNotFoundError:
        raise BootwrightError(f"there is no file {path}") from None


def _migrate_and_check(spec: Spec, toolchain: Toolchain, origin: str) -> Migrated:
    builtins = read_builtins(toolchain)
    spec, changes = migrate(spec, builtins, origin)
    for _ in range(2):  # rustc names all unknown features and the layout it wants, then takes the specification
        verdict = judge(toolchain, _text(spec), "spec")
        if not (verdict.data_layout or verdict.unknown_features or verdict.unknown_keys):
            break
        for key in verdict.unknown_keys:
            check_key(key, builtins, origin)
            del spec[key]
            changes.append(f"{key}: removed, rustc {builtins.release} does not know it")
        if verdict.data_layout:
            changes = [change for change in changes if not change.startswith("data-layout")]
            changes.append(layout_changed(spec))
            spec["data-layout"] = verdict.data_layout
        if verdict.unknown_features:
            features = [f for f in str(spec["features"]).split(",") if f not in verdict.unknown_features]
            spec["features"] = ",".join(features)
            changes.append(f"features: without {','.join(verdict.unknown_features)}, which LLVM no longer has")
    if verdict.error:
        raise BootwrightError(f"{origin}: rustc {toolchain.release} does not take it: {verdict.error}")
    return Migrated(_text(spec), tuple(changes), spec["arch"])


def _text(spec: Spec) -> str:
    return json.dumps(spec, indent=2) + "\n"
