"""TARGET=, and the migration of specifications: what rustc insists on is changed and named, a person's choices stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.fake_toolchains import HOST

from bootwright.base.errors import BootwrightError
from bootwright.rust import migrate as targetspec
from bootwright.rust.builtin_targets import Builtins, Verdict
from bootwright.rust.migrate import migrate_spec, read_spec
from bootwright.rust.spec_changes import migrate
from bootwright.rust.targets import Target, find_target
from bootwright.rust.toolchain import Toolchain
from bootwright.storage.store import Store

SPECS = Path(__file__).resolve().parents[2] / "kernels" / "specs"
ELF64 = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
CHOICES = ("max-atomic-width", "disable-redzone", "code-model", "panic-strategy", "features", "linker", "cpu", "os")
Spec = dict[str, Any]


def builtin(arch: str, llvm_target: str, layout: str, width: int = 64, **more: Any) -> Spec:
    facts = {"arch": arch, "llvm-target": llvm_target, "data-layout": layout, "target-pointer-width": width}
    return {**facts, **{key.replace("_", "-"): value for key, value in more.items()}}


# An excerpt of what rustc 1.96 says of itself.
SPECS_196 = {
    "aarch64-unknown-none": builtin("aarch64", "aarch64-unknown-none", "a64"),
    "aarch64-unknown-none-softfloat": builtin(
        "aarch64", "aarch64-unknown-none", "a64", abi="softfloat", rustc_abi="softfloat"
    ),
    "aarch64-apple-darwin": builtin("aarch64", "arm64-apple-macosx", "a64-mach-o", os="macos"),
    "i686-unknown-linux-gnu": builtin("x86", "i686-unknown-linux-gnu", "x86-elf", 32, os="linux", rustc_abi="x86-sse2"),
    "i686-unknown-uefi": builtin("x86", "i686-unknown-windows-gnu", "x86-coff", 32, os="uefi"),
    "riscv64gc-unknown-none-elf": builtin("riscv64", "riscv64", "rv64", llvm_abiname="lp64d"),
    "thumbv7em-none-eabi": builtin("arm", "thumbv7em-none-eabi", "arm", 32, abi="eabi", llvm_floatabi="soft"),
    "thumbv7em-none-eabihf": builtin("arm", "thumbv7em-none-eabihf", "arm", 32, abi="eabihf", llvm_floatabi="hard"),
    "x86_64-pc-windows-msvc": builtin("x86_64", "x86_64-pc-windows-msvc", "coff", os="windows"),
    "x86_64-unknown-linux-gnu": builtin("x86_64", "x86_64-unknown-linux-gnu", ELF64, os="linux"),
    "x86_64-unknown-none": builtin("x86_64", "x86_64-unknown-none-elf", ELF64, rustc_abi="softfloat"),
}
KEYS_196 = frozenset(
    [
        *(key for spec in SPECS_196.values() for key in spec), *CHOICES, "executables", "frame-pointer",
        "linker-flavor",
        "stack-probes", "target-endian", "target-c-int-width", "is-like-darwin", "plt-by-default", "has-thread-local",
        "metadata", "vendor", "env", "relocation-model", "tls-model", "pre-link-args",
    ]
)  # fmt: skip
RUSTC_196 = Builtins("1.96.0", SPECS_196, KEYS_196)


def older(text_widths: bool = False, rustc_abi: str | None = None) -> Builtins:
    """Returns what an older rustc would say: widths as strings, rustc-abi by another name or not at all."""
    specs = {name: dict(spec) for name, spec in SPECS_196.items()}
    for spec in specs.values():
        if text_widths:
            spec["target-pointer-width"] = str(spec["target-pointer-width"])
        if spec.pop("rustc-abi", None) == "softfloat" and rustc_abi:
            spec["rustc-abi"] = rustc_abi
    return Builtins("1.85.0", specs, None if text_widths else KEYS_196)


def kernel_spec(**more: Any) -> Spec:
    spec = builtin("x86_64", "x86_64-unknown-none", ELF64, features="-mmx,-sse,+soft-float", rustc_abi="softfloat")
    return {**spec, **{key.replace("_", "-"): value for key, value in more.items()}}


def test_a_specification_of_today_is_not_changed() -> None:
    assert migrate(kernel_spec(), RUSTC_196) == (kernel_spec(), [])


@pytest.mark.parametrize("year", ["2021", "2024", "2026"])
def test_the_choices_of_each_years_sample_stay(year: str) -> None:
    spec = json.loads((SPECS / f"{year}.json").read_text())
    migrated, changes = migrate(spec, RUSTC_196)
    assert {key: migrated.get(key) for key in CHOICES} == {key: spec.get(key) for key in CHOICES}
    assert migrated["target-pointer-width"] == 64
    assert migrated["data-layout"] == ELF64
    assert migrated["rustc-abi"] == "softfloat"
    named = [change.partition(":")[0] for change in changes]
    assert len(named) == len(set(named))
    assert all("\n" not in change and len(change) < 120 for change in changes)


def test_the_samples_differ_in_each_choice_that_the_kernels_show() -> None:
    specs = [json.loads((SPECS / f"{year}.json").read_text()) for year in ("2021", "2024", "2026")]
    for key in ("max-atomic-width", "code-model"):
        assert len({spec.get(key) for spec in specs}) == 3
    for key in ("disable-redzone", "panic-strategy"):
        assert len({spec[key] for spec in specs}) == 2


def test_widths_become_numbers() -> None:
    spec = kernel_spec(target_pointer_width="64", target_c_int_width="32")
    migrated, changes = migrate(spec, RUSTC_196)
    assert (migrated["target-pointer-width"], migrated["target-c-int-width"]) == (64, 32)
    assert changes == ['target-pointer-width: 64, which was "64"', 'target-c-int-width: 32, which was "32"']


def test_a_string_that_says_a_boolean_or_a_number_is_taken_for_it() -> None:
    specs = {
        "x86_64-unknown-none": {**SPECS_196["x86_64-unknown-none"], "disable-redzone": True, "max-atomic-width": 64}
    }
    spec, changes = migrate(
        kernel_spec(**{"disable-redzone": "true", "max-atomic-width": "064", "cpu": "true"}),
        Builtins("1.96.0", specs, KEYS_196),
    )
    assert spec["disable-redzone"] is True and spec["max-atomic-width"] == 64 and spec["cpu"] == "true"
    assert {'disable-redzone: true, which was "true"', 'max-atomic-width: 64, which was "064"'} <= set(changes)


def test_widths_become_strings_for_a_rustc_before_191() -> None:
    migrated, changes = migrate(kernel_spec(target_c_int_width=32), older(text_widths=True, rustc_abi="softfloat"))
    assert (migrated["target-pointer-width"], migrated["target-c-int-width"]) == ("64", "32")
    assert len(changes) == 2


@pytest.mark.parametrize(
    ("written", "builtins", "wanted"),
    [
        (None, RUSTC_196, "softfloat"),
        ("x86-softfloat", RUSTC_196, "softfloat"),
        ("softfloat", RUSTC_196, "softfloat"),
        (None, older(rustc_abi="x86-softfloat"), "x86-softfloat"),
        ("softfloat", older(rustc_abi="x86-softfloat"), "x86-softfloat"),
        (None, older(), None),
        ("softfloat", older(), None),
    ],
)
def test_rustc_abi_of_soft_float_is_what_this_rustc_calls_it(
    written: str | None, builtins: Builtins, wanted: str | None
) -> None:
    spec = kernel_spec()
    del spec["rustc-abi"]
    if written:
        spec["rustc-abi"] = written
    migrated, changes = migrate(spec, builtins)
    assert migrated.get("rustc-abi") == wanted
    assert len(changes) == (written != wanted)


def test_a_specification_with_float_registers_gets_no_rustc_abi() -> None:
    spec = kernel_spec(features="")
    del spec["rustc-abi"]
    assert migrate(spec, RUSTC_196) == (spec, [])


def test_aarch64_without_neon_is_told_to_be_soft_float() -> None:
    migrated, changes = migrate(builtin("aarch64", "aarch64-unknown-none", "a64", features="-neon"), RUSTC_196)
    assert (migrated["abi"], migrated["rustc-abi"], len(changes)) == ("softfloat", "softfloat", 2)


@pytest.mark.parametrize(
    ("arch", "width", "features", "wanted"),
    [
        ("riscv64", 64, "+m,+a,+c", "lp64"),
        ("riscv64", 64, "+m,+f,+d", "lp64d"),
        ("riscv64", 64, "+f", "lp64f"),
    ],
)
def test_riscv_gets_the_abi_that_its_features_allow(arch: str, width: int, features: str, wanted: str) -> None:
    migrated, _ = migrate(builtin(arch, "riscv64", "rv64", width, features=features), RUSTC_196)
    assert migrated["llvm-abiname"] == wanted


@pytest.mark.parametrize(("triple", "floats", "abi"), [("eabihf", "hard", "eabihf"), ("eabi", "soft", "eabi")])
def test_arm_gets_the_float_abi_of_its_triple(triple: str, floats: str, abi: str) -> None:
    migrated, _ = migrate(builtin("arm", f"thumbv7em-none-{triple}", "arm", 32), RUSTC_196)
    assert (migrated["llvm-floatabi"], migrated["abi"]) == (floats, abi)


def test_data_layout_is_that_of_the_nearest_builtin_of_the_same_object_format() -> None:
    migrated, changes = migrate(builtin("x86", "i686-unknown-none", "old", 32), RUSTC_196)
    assert migrated["data-layout"] == "x86-elf"
    assert changes == ["data-layout: LLVM's own for i686-unknown-none, which was another when this was written"]
    migrated, _ = migrate(builtin("x86_64", "x86_64-unknown-uefi", "old"), RUSTC_196)
    assert migrated["data-layout"] == "coff"


def test_data_layout_that_is_missing_is_added() -> None:
    spec = kernel_spec()
    del spec["data-layout"]
    migrated, changes = migrate(spec, RUSTC_196)
    assert migrated["data-layout"] == ELF64
    assert changes == ["data-layout: LLVM's own for x86_64-unknown-none, which was not there"]


@pytest.mark.parametrize(
    ("old", "value", "new", "wanted"),
    [
        ("is-like-osx", False, "is-like-darwin", False),
        ("needs-plt", True, "plt-by-default", True),
        ("has-elf-tls", True, "has-thread-local", True),
        ("eliminate-frame-pointer", False, "frame-pointer", "always"),
        ("eliminate-frame-pointer", True, "frame-pointer", "may-omit"),
        ("stack-probes", True, "stack-probes", {"kind": "inline"}),
        ("stack-probes", False, "stack-probes", {"kind": "none"}),
        ("os", "unknown", "os", "none"),
    ],
)
def test_what_was_said_otherwise_is_said_as_today(old: str, value: object, new: str, wanted: object) -> None:
    migrated, changes = migrate(kernel_spec(**{old: value}), RUSTC_196)
    assert migrated[new] == wanted
    assert old == new or old not in migrated
    assert len(changes) == 1
    assert old in changes[0]


@pytest.mark.parametrize(("key", "value"), [("no-compiler-rt", True), ("is-builtin", False), ("code-model", "default")])
def test_what_means_nothing_any_more_is_removed(key: str, value: object) -> None:
    migrated, changes = migrate(kernel_spec(**{key: value}), RUSTC_196)
    assert key not in migrated
    assert len(changes) == 1
    assert changes[0].startswith(f"{key}: removed, ")


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
        ("ld", {"ld": ["-Tk.ld"], "gcc": ["-Tother.ld"]}, "ld", {"ld": ["-Tk.ld"], "gcc": ["-Tother.ld"]}, ""),
        ("ld.lld", {"gcc": ["-m64"]}, "ld.lld", {"gcc": ["-m64"]}, ""),
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


def test_a_key_that_rustc_still_knows_stays() -> None:
    assert migrate(kernel_spec(executables=True), RUSTC_196)[0]["executables"] is True


def test_a_misspelt_key_is_one_sentence_with_the_right_one() -> None:
    with pytest.raises(BootwrightError) as caught:
        migrate(kernel_spec(disable_red_zone=True), RUSTC_196, "my.json")
    assert caught.value.message == 'my.json: rustc 1.96.0 knows no key "disable-red-zone"'
    assert caught.value.hint == "did you mean disable-redzone?"


@pytest.mark.parametrize("key", ["_comment", "//", "author"])
def test_a_key_that_is_like_none_goes_and_is_named(key: str) -> None:
    migrated, changes = migrate({**kernel_spec(), key: "mine"}, RUSTC_196, "my.json")
    assert key not in migrated
    assert changes == [f"{key}: removed, rustc 1.96.0 does not know it"]


def test_an_unknown_arch_is_one_sentence() -> None:
    with pytest.raises(BootwrightError, match=r'^my.json: rustc 1.96.0 knows no arch "z80"\n'):
        migrate(builtin("z80", "z80-unknown-none", ""), RUSTC_196, "my.json")


def test_a_width_that_is_none_is_one_sentence() -> None:
    with pytest.raises(BootwrightError, match=r'^my.json: "target-pointer-width" is "wide", not a number of bits$'):
        migrate(kernel_spec(target_pointer_width="wide"), RUSTC_196, "my.json")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{\n "arch": "x86_64",\n}', "my.json:3:1: is no JSON: "),
        ('\ufeff{"llvm-target": "x"}', "my.json begins with a byte order mark, which rustc does not take"),
        ("[]", "my.json: is no JSON object"),
        ('{"arch": "x86_64", "target-pointer-width": 64}', 'my.json: has no key "llvm-target"'),
        ('{"llvm-target": "x", "target-pointer-width": 64}', 'my.json: has no key "arch"'),
        (
            '{"llvm-target": 7, "arch": "x86_64", "target-pointer-width": 64}',
            'my.json: "llvm-target" is 7, not a string',
        ),
    ],
)
def test_what_is_no_specification_is_one_sentence_with_file_and_key(text: str, sentence: str) -> None:
    with pytest.raises(BootwrightError) as caught:
        read_spec(text, "my.json")
    assert caught.value.message.startswith(sentence)


@pytest.fixture
def toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """A toolchain whose rustc says what RUSTC_196 says; judging is up to each test."""
    monkeypatch.setattr(targetspec, "read_builtins", lambda _: RUSTC_196)
    return Toolchain(tmp_path / "rustc", "rustc 1.96.0", "1.96.0", HOST, "22.1.8", tmp_path, "")


def test_the_migrated_text_is_kept_so_that_a_second_call_asks_nobody(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, text = Store(tmp_path / "store"), (SPECS / "2021.json").read_text()
    monkeypatch.setattr(targetspec, "judge", lambda *_: Verdict())
    first = migrate_spec(text, toolchain, "my.json", store)
    assert (first.arch, json.loads(first.text)["target-pointer-width"]) == ("x86_64", 64)
    monkeypatch.setattr(targetspec, "read_builtins", lambda _: pytest.fail("rustc was asked again"))
    assert migrate_spec(text, toolchain, "my.json", store) == first


def test_what_another_recipe_made_is_made_again(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, asked = Store(tmp_path / "store"), list[str]()

    def judge(toolchain: Toolchain, text: str, name: str) -> Verdict:
        asked.append(name)
        return Verdict()

    monkeypatch.setattr(targetspec, "judge", judge)
    for recipe in (2, 2, 3):
        monkeypatch.setattr(targetspec, "RECIPE", recipe)
        migrate_spec((SPECS / "2021.json").read_text(), toolchain, "my.json", store)
    assert len(asked) == 2


def test_what_rustc_says_of_the_result_is_heeded(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts = iter([Verdict("data-layout differs", "today's", ("-3dnow",)), Verdict()])
    monkeypatch.setattr(targetspec, "judge", lambda *_: next(verdicts))
    text = json.dumps(kernel_spec(features="-mmx,-3dnow,+soft-float"))
    migrated = migrate_spec(text, toolchain, "my.json", Store(tmp_path / "store"))
    spec = json.loads(migrated.text)
    assert (spec["data-layout"], spec["features"]) == ("today's", "-mmx,+soft-float")
    assert [change.partition(":")[0] for change in migrated.changes] == ["data-layout", "features"]


def test_keys_that_an_older_rustc_passes_over_go_or_are_refused(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = older(text_widths=True)
    monkeypatch.setattr(targetspec, "read_builtins", lambda _: old)
    verdicts = [Verdict(), Verdict(unknown_keys=("is-builtin",))]
    monkeypatch.setattr(targetspec, "judge", lambda *_: verdicts.pop())
    text = json.dumps(kernel_spec(is_builtin=False, features="", target_pointer_width="64"))
    migrated = migrate_spec(text, toolchain, "my.json", Store(tmp_path / "store"))
    assert "is-builtin" not in json.loads(migrated.text)
    assert migrated.changes[-1] == "is-builtin: removed, rustc 1.85.0 does not know it"
    monkeypatch.setattr(targetspec, "judge", lambda *_: Verdict(unknown_keys=("llvm-targets",)))
    with pytest.raises(BootwrightError, match=r'^my.json: rustc 1.85.0 knows no key "llvm-targets"'):
        migrate_spec(json.dumps(kernel_spec(llvm_targets="x")), toolchain, "my.json", Store(tmp_path / "store"))


def test_what_rustc_does_not_take_is_one_sentence_and_not_kept(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    monkeypatch.setattr(targetspec, "judge", lambda *_: Verdict("invalid panic strategy: 'x'"))
    with pytest.raises(BootwrightError, match=r"^my.json: rustc 1.96.0 does not take it: invalid panic strategy: 'x'$"):
        migrate_spec(json.dumps(kernel_spec()), toolchain, "my.json", store)
    assert store.entries() == []


def test_target_is_a_triple_or_a_file_seen_from_where_the_person_is(tmp_path: Path) -> None:
    (tmp_path / "my-os.json").write_text("{}")
    assert find_target("x86_64-unknown-none", tmp_path) == Target("x86_64-unknown-none")
    assert find_target("thumbv8m.main-none-eabi", tmp_path) == Target("thumbv8m.main-none-eabi")
    mine = Target("my-os", tmp_path / "my-os.json")
    assert find_target("my-os.json", tmp_path) == mine
    (tmp_path / "kernel").mkdir()
    assert str(find_target("../my-os.json", tmp_path / "kernel").spec) == str(mine.spec)
    (tmp_path / "other.json").symlink_to(tmp_path / "my-os.json")
    assert find_target("other.json", tmp_path).name == "other"


@pytest.mark.parametrize("text", ["no/such.json", "targets/x86_64", "x86_64 none", ""])
def test_a_target_that_is_neither_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(BootwrightError, match=f"^TARGET={text}"):
        find_target(text, tmp_path)
