"""What is changed of a specification of any year for the rustc that is installed: one step for each kind of change."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.cargo.toml import show
from bootwright.rust.builtin_targets import Builtins, Spec, check_arch
from bootwright.rust.driver_words import DRIVERS, is_of_a_driver, undriven, words_for_linker

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
LINKERS = ("gnu", "gnu-lld", "ld", "ld.lld")  # flavours that are started themselves, in rustc's order
SOFT_FLOAT_ABIS = ("softfloat", "x86-softfloat")


def migrate(spec: Spec, builtins: Builtins, origin: str = "the specification") -> tuple[Spec, list[str]]:
    """Returns spec as rustc wants it by what its built-in specifications show, and the changes; a pure function.

    Raises BootwrightError for a key that may be a misspelt choice.
    """
    return _Migration(dict(spec), builtins, origin).result()


def _changed(key: str, old: object, new: object) -> str:
    if old is None:
        return f"{key}: {json.dumps(new)}, which was not there"
    return f"{key}: {json.dumps(new)}, which was {json.dumps(old)}"


def layout_changed(spec: Spec) -> str:
    why = "was another when this was written" if "data-layout" in spec else "was not there"
    return f"data-layout: LLVM's own for {spec['llvm-target']}, which {why}"


def check_key(key: str, builtins: Builtins, origin: str) -> None:
    """Raises for a key that rustc does not know and never did, where it is like one: a choice that is misspelt.

    Others are a person's own, a comment as a rule: until 2025 rustc only warned of them.
    """
    known = builtins.keys or {name for spec in builtins.specs.values() for name in spec}
    near = difflib.get_close_matches(key, sorted(known), 2, 0.8)
    if near and key not in GONE:
        hint = f"did you mean {' or '.join(near)}?"
        raise BootwrightError(f'{origin}: rustc {builtins.release} knows no key "{key}"', hint)


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
            self._rename, self._types, self._widths, self._check_arch, self._frame_pointer, self._stack_probes,
            self._defaults, self._float_abi, self._linker_words, self._keys, self._data_layout,
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

    def _types(self) -> None:
        """Strings that say a boolean or a number, which rustc until 1.90 passed over without a word: they are meant."""
        for key, value in list(self.spec.items()):
            if not isinstance(value, str) or not re.fullmatch("true|false|[0-9]{1,4}", value):
                continue
            meant = json.loads(value.lstrip("0") or "0")
            if {type(spec[key]) for spec in self.builtins.specs.values() if key in spec} == {type(meant)}:
                self._set(key, meant)

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
        flavour = self.spec.get("linker-flavor", DRIVERS[0])
        for key in LINK_ARGS:
            if isinstance(self.spec.get(key), list):  # until 2017
                self.spec[key] = {flavour: self.spec[key]}
                self.changes.append(f"{key}: as {flavour}'s, which was a list for any linker")
        for key in LINK_ARGS:
            table = self.spec.get(key)
            if isinstance(table, dict) and all(isinstance(words, list) for words in table.values()):
                self.spec[key] = self._words_of_linker(key, table, flavour)

    def _words_of_linker(self, key: str, table: dict[str, list[str]], flavour: str) -> dict[str, list[str]]:
        """Returns one table of words for linkers with those that lld takes; a line tells of others that it holds.

        Where lld itself links rustc takes one of its flavours' lists, the first in its own order.
        """
        names = LINKERS if flavour in LINKERS else (flavour, *DRIVERS)
        used = next((name for name in names if name in table), None)
        if used is None:
            used = next((name for name in LINKERS if name in table), "")
        elif flavour not in LINKERS:
            words, others = words_for_linker(map(str, table[used]))
            left = f", without {' '.join(others)}" if others else ""
            self.changes.append(f"{key}: what {used} hands on to the linker, for lld{left}")
            self._set("linker-flavor", "ld.lld")
            kept = {name: table[name] for name in table if name not in LINKERS}
            self._tell_unused(key, table, used, words)
            return {**kept, "ld.lld": words}
        words = [str(word) for word in table.get(used, ())]
        if any(is_of_a_driver(word) for word in words):
            words, others = undriven(words)
            left = f", without {' '.join(others)}" if others else ""
            self.changes.append(f"{key}: {used}'s words as lld itself takes them: {' '.join(words) or 'none'}{left}")
            table = {**table, used: words}
        self._tell_unused(key, table, used, words)
        return table

    def _tell_unused(self, key: str, table: dict[str, list[str]], used: str, words: list[str]) -> None:
        """Tells of lists for other flavours than the one that links, where they say more."""
        for name, others in table.items():
            more = [str(word) for word in others if str(word) not in words]
            if name in DRIVERS:
                more = [word for word in words_for_linker(map(str, others))[0] if word not in words]
            if name != used and more:
                taken = f"{used}'s are" if used else "lld links, and none are"
                self.changes.append(f"{key}: {name}'s words have no effect, {taken} taken: {' '.join(more)}")

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
            check_key(key, self.builtins, self.origin)
            self._drop(key, f"{self.rustc} does not know it")

    def _data_layout(self) -> None:
        layout = self.builtins.nearest(self.spec).get("data-layout")
        if layout and self.spec.get("data-layout") != layout:
            self.changes.append(layout_changed(self.spec))
            self.spec["data-layout"] = layout
