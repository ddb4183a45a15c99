"""A JSON specification of a target: a copy is migrated to what the installed rustc wants.

Specifications are unstable: each year rustc renames keys, wants numbers for strings and checks more. Only what it
insists on is changed, and each change is named; what a person chose (max-atomic-width, disable-redzone, code-model,
panic-strategy, features, linker ...) stays.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record
from bootwright.base.regular import read_text
from bootwright.cargo.toml import show
from bootwright.rust.builtin_targets import Builtins, Spec, check_arch, judge, read_builtins
from bootwright.rust.toolchain import Toolchain
from bootwright.storage.store import DESCRIPTION, Store

REQUIRED = ("llvm-target", "arch", "target-pointer-width")
RECIPE = 2  # to be raised when a migration comes out otherwise than before
# Old name -> new name, with the same values; years are those of the renaming.
RENAMED = {
    "is-like-osx": "is-like-darwin",  # 2025
    "needs-plt": "plt-by-default",  # 2023
    "has-elf-tls": "has-thread-local",  # 2021
    "target-env": "env",
    "target-vendor": "vendor",
    "abi-blacklist": "unsupported-abis",  # 2020
}
# Keys that meant something to an older rustc and mean nothing now.
GONE = {
    "abi-blacklist", "allows-weak-linkage", "custom-unwind-resume", "executables", "is-builtin", "is-like-emscripten",
    "is-like-fuchsia", "is-like-openbsd", "linker-is-gnu", "no-compiler-rt", "pre-link-args-crt",
    "pre-link-objects-dll", "pre-link-objects-exe", "post-link-objects-crt", "simd-types-indirect", "singlethread",
    "target-mcount", "unsupported-abis",
}  # fmt: skip
LINK_ARGS = ("pre-link-args", "late-link-args", "post-link-args")
HANDED_ON = ("-static", "-nostdlib", "-no-pie", "-pie", "-r", "-s")
DRIVERS = ("gcc", "gnu-cc", "gnu-lld-cc")  # flavours whose linker is a compiler's driver
SOFT_FLOAT_ABIS = ("softfloat", "x86-softfloat")


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
    """Returns a file NAME.json in the store that holds text: at the same place for every checkout of a person."""

    def build(out: Path) -> None:
        (out / f"{name}.json").write_text(text, encoding="utf-8")
        (out / DESCRIPTION).write_text(f"specification {name}, as rustc takes it\n", encoding="utf-8")

    key = hashlib.sha256(f"{name}\0{text}".encode()).hexdigest()[:32]
    return (store or Store()).take_or_build("target", key, build) / f"{name}.json"


def read_spec(text: str, origin: Path | str) -> Spec:
    """Reads a specification's JSON; raises with the file and the line or the key."""
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


def migrate(spec: Spec, builtins: Builtins, origin: str = "the specification") -> tuple[Spec, list[str]]:
    """Returns spec as rustc wants it by what its built-in specifications show, and the changes; a pure function.

    Raises BootwrightError for a key that no rustc ever knew, since it may be a misspelt choice.
    """
    return _Migration(dict(spec), builtins, origin).result()


def _migrate_and_check(spec: Spec, toolchain: Toolchain, origin: str) -> Migrated:
    builtins = read_builtins(toolchain)
    spec, changes = migrate(spec, builtins, origin)
    for _ in range(2):  # rustc names all unknown features and the layout it wants, then takes the specification
        verdict = judge(toolchain, _text(spec), "spec")
        if not (verdict.data_layout or verdict.unknown_features or verdict.unknown_keys):
            break
        for key in verdict.unknown_keys:
            if key not in GONE:
                raise _unknown_key(key, builtins, origin)
            del spec[key]
            changes.append(f"{key}: removed, rustc {builtins.release} does not know it")
        if verdict.data_layout:
            changes = [change for change in changes if not change.startswith("data-layout")]
            changes.append(_layout_changed(spec))
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


def _changed(key: str, old: object, new: object) -> str:
    if old is None:
        return f"{key}: {json.dumps(new)}, which was not there"
    return f"{key}: {json.dumps(new)}, which was {json.dumps(old)}"


def _layout_changed(spec: Spec) -> str:
    why = "was another when this was written" if "data-layout" in spec else "was not there"
    return f"data-layout: LLVM's own for {spec['llvm-target']}, which {why}"


def _unknown_key(key: str, builtins: Builtins, origin: str) -> BootwrightError:
    known = builtins.keys or {name for spec in builtins.specs.values() for name in spec}
    near = difflib.get_close_matches(key, sorted(known), 2, 0.8)
    hint = f"did you mean {' or '.join(near)}?" if near else ""
    return BootwrightError(f'{origin}: rustc {builtins.release} knows no key "{key}"', hint)


def words_for_linker(words: Iterable[str]) -> list[str]:
    """Returns what a compiler's driver hands on to the linker of its own arguments."""
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        if word.startswith("-Wl,"):
            found += word.split(",")[1:]
        elif word == "-Xlinker":
            found.append(next(rest, ""))
        elif word in ("-T", "-L", "-l", "-u", "-z", "-e"):
            found += [word, next(rest, "")]
        elif word.startswith(("-T", "-L", "-l", "-z", "-e", "-u")) or not word.startswith("-") or word in HANDED_ON:
            found.append(word)
    return [word for word in found if word]


class _Migration:
    """One migration: each step changes spec and adds a line to changes."""

    def __init__(self, spec: Spec, builtins: Builtins, origin: str) -> None:
        self.spec = spec
        self.builtins = builtins
        self.origin = origin
        self.changes: list[str] = []
        self.rustc = f"rustc {builtins.release}"

    def result(self) -> tuple[Spec, list[str]]:
        for step in self._steps():
            step()
        return self.spec, self.changes

    def _steps(self) -> tuple[Callable[[], None], ...]:
        return (
            self._rename, self._widths, self._check_arch, self._frame_pointer, self._stack_probes, self._defaults,
            self._float_abi, self._linker_words, self._keys, self._data_layout,
        )  # fmt: skip

    def _set(self, key: str, value: Any) -> None:
        old = self.spec.get(key)
        if old != value or type(old) is not type(value):
            self.spec[key] = value
            self.changes.append(_changed(key, old, value))

    def _drop(self, key: str, why: str) -> None:
        del self.spec[key]
        self.changes.append(f"{key}: removed, {why}")

    def _rename(self) -> None:
        for old, new in RENAMED.items():
            if old in self.spec and not self.builtins.knows(old) and self.builtins.knows(new):
                if new in self.spec:
                    self._drop(old, f"{new} is there")
                    continue
                self.spec = {new if key == old else key: value for key, value in self.spec.items()}
                self.changes.append(f"{old}: is named {new} now")

    def _widths(self) -> None:
        """Numbers for rustc 1.91 and later, strings before, as its own specifications have them."""
        kind = type(next(iter(self.builtins.specs.values()))["target-pointer-width"])
        for key in ("target-pointer-width", "target-c-int-width"):
            if key not in self.spec:
                continue
            if not re.fullmatch("[0-9]{1,4}", show(self.spec[key]).strip('"')):
                raise BootwrightError(f'{self.origin}: "{key}" is {show(self.spec[key])}, not a number of bits')
            self._set(key, kind(self.spec[key]))

    def _check_arch(self) -> None:
        check_arch(self.builtins, self.spec, self.origin)

    def _frame_pointer(self) -> None:
        old = "eliminate-frame-pointer"  # until 2021
        if old in self.spec and not self.builtins.knows(old):
            value = "may-omit" if self.spec.pop(old) else "always"
            self.spec["frame-pointer"] = value
            self.changes.append(f'frame-pointer: "{value}", which {old} said')

    def _stack_probes(self) -> None:
        if isinstance(self.spec.get("stack-probes"), bool):  # until 2021
            self._set("stack-probes", {"kind": "inline" if self.spec["stack-probes"] else "none"})

    def _defaults(self) -> None:
        """Values that only said "as always", and an os of none that went by another name."""
        for key in ("code-model", "relocation-model", "tls-model"):
            if self.spec.get(key) == "default":
                self._drop(key, '"default" is said by leaving it out')
        if self.spec.get("os") == "unknown":
            self._set("os", "none")

    def _float_abi(self) -> None:
        """What tells rustc how floats are passed, which it insists on: since 1.86 on x86, since 1.96 elsewhere."""
        arch, features = self.spec["arch"], str(self.spec.get("features", "")).split(",")
        nearest = self.builtins.nearest(self.spec)
        if arch in ("x86", "x86_64") and "+soft-float" in features:
            self._soft_float("x86_64-unknown-none")
        elif arch == "aarch64" and {"-neon", "-fp-armv8"} & set(features):
            self._soft_float("aarch64-unknown-none-softfloat")
        elif self.spec.get("rustc-abi") in SOFT_FLOAT_ABIS:
            self._soft_float("x86_64-unknown-none")
        if arch.startswith("riscv") and "llvm-abiname" in nearest and "llvm-abiname" not in self.spec:
            base = "ilp32" if arch == "riscv32" else "lp64"
            letter = "e" if "+e" in features else "d" if "+d" in features else "f" if "+f" in features else ""
            self._set("llvm-abiname", base + letter)
        if arch == "arm" and "llvm-floatabi" in nearest and "llvm-floatabi" not in self.spec:
            hard = self.spec["llvm-target"].endswith("hf")
            self._set("llvm-floatabi", "hard" if hard else "soft")
            if "abi" not in self.spec:
                self._set("abi", "eabihf" if hard else "eabi")

    def _linker_words(self) -> None:
        """What a specification has gcc hand on to the linker: lld itself links here, and reads its own words alone."""
        found = False
        for key in LINK_ARGS:
            table = self.spec.get(key)
            if not isinstance(table, dict) or "ld.lld" in table:
                continue
            words = next((table[name] for name in DRIVERS if isinstance(table.get(name), list)), None)
            if words is None:
                continue
            self.spec[key] = {**table, "ld.lld": words_for_linker(map(str, words))}
            self.changes.append(f"{key}: what {next(n for n in DRIVERS if n in table)} hands on to the linker, for lld")
            found = True
        if found:
            self._set("linker-flavor", "ld.lld")

    def _soft_float(self, triple: str) -> None:
        """Takes rustc-abi, and abi where it is needed, from the built-in target that has no float registers either."""
        model = self.builtins.specs.get(triple, {})
        for key in ("abi", "rustc-abi"):
            if key in model:
                self._set(key, model[key])
        if "rustc-abi" in self.spec and "rustc-abi" not in model:
            self._drop("rustc-abi", f"{self.rustc} does not know it for {self.spec['arch']}")

    def _keys(self) -> None:
        known = self.builtins.keys
        for key in [key for key in self.spec if known is not None and key not in known]:
            if key not in GONE:
                raise _unknown_key(key, self.builtins, self.origin)
            self._drop(key, f"{self.rustc} does not know it")

    def _data_layout(self) -> None:
        layout = self.builtins.nearest(self.spec).get("data-layout")
        if layout and self.spec.get("data-layout") != layout:
            self.changes.append(_layout_changed(self.spec))
            self.spec["data-layout"] = layout
