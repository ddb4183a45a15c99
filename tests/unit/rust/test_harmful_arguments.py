"""A target specification tells the linker how a kernel is linked, and nothing that only harms."""

from __future__ import annotations

import json

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.rust.migrate import read_spec

SPEC = {"llvm-target": "x86_64-unknown-none", "arch": "x86_64", "target-pointer-width": 64}


def read(**more: object) -> None:
    read_spec(json.dumps({**SPEC, **{key.replace("_", "-"): value for key, value in more.items()}}), "os.json")


@pytest.mark.parametrize(
    "word",
    [
        "-Map=/etc/passwd",
        "--Map",
        "-o",
        "-o/etc/passwd",
        "--outp=x",
        "--dependency-file=x",
        "--error-handling-script=/x",
        "--error-h=/x",
        "-plugin",
        "--reproduce=x.tar",
        "@more",
        "-Wl,-z,now,-Map=/x",
        "-Xlinker=-Map=/x",
        "-B/x/bin",
        "-fplugin=/x.so",
        "-wrapper",
        "-specs=/x",
        "/OUT:x",
        "-MAP:x",
        "-plugin-opt=obj-path=/x",
        "-mllvm=-load=/x.so",
        "-info-output-file=/x",
        "--print-gc-sections=/x",
        "--print-symbol-order=/x",
        "--time-trace=/x",
        "--out-implib=x",
    ],
)
@pytest.mark.parametrize("key", ["pre_link_args", "post_link_args"])
def test_an_argument_that_only_harms_is_refused_with_its_key(key: str, word: str) -> None:
    with pytest.raises(BootwrightError) as caught:
        read(**{key: {"ld.lld": ["--gc-sections", word, "/x"]}})
    assert caught.value.message.startswith(f'os.json: "{key.replace("_", "-")}" holds ')
    assert " which would have the linker " in caught.value.message


@pytest.mark.parametrize(
    "words",
    [
        ["-Tlinker.ld", "--gc-sections", "-z", "max-page-size=0x1000"],
        ["-n", "-N", "--oformat=binary", "--omagic", "-omagic"],
        ["-Bstatic", "-Bdynamic", "-Bsymbolic"],
        ["-Wl,--build-id=none", "-nostartfiles", "-static", "-no-pie"],
        ["-m", "elf_x86_64", "-e", "_start", "--print-gc-sections", "--entry=_start"],
        ["/ENTRY:efi_main", "/SUBSYSTEM:efi_application"],
        [
            "--script=x.ld",
            "--image-base=0x100000",
            "--no-dynamic-linker",
            "-pie",
            "--hash-style=gnu",
            "--section-start=.t=0",
        ],
        ["-mllvm", "-inline-threshold=20", "-plugin-opt=O3", "-plugin-opt=mcpu=x86-64"],
    ],
    ids=["script", "format", "static", "gcc", "entry", "coff", "lld", "llvm"],
)
def test_what_says_how_a_kernel_is_linked_passes(words: list[str]) -> None:
    read(pre_link_args={"gnu-lld": words, "ld": words})


@pytest.mark.parametrize(
    ("key", "word", "does"),
    [
        ("llvm_args", "-load=/x.so", "have LLVM load code"),
        ("llvm_args", "--info-output-file=/etc/passwd", "have LLVM write a file of its choice"),
        ("link_env", "LD_PRELOAD=/x.so", "decide which code the linker consists of"),
    ],
)
def test_llvm_and_the_linkers_environment_are_not_turned_against_the_person(key: str, word: str, does: str) -> None:
    with pytest.raises(BootwrightError, match=does):
        read(**{key: [word]})
    read(llvm_args=["--x86-asm-syntax=intel"], link_env=["ZERO_AR_DATE=1"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[" * 100_000, "os.json: is nested too deeply to be read"),
        ('{"a": ' + "9" * 5000 + "}", "os.json: is no JSON: a number in it has too many digits"),
        ('{"llvm-target": "\\u001b]0;x", "arch": 1, "target-pointer-width": 64}', 'os.json: "arch" is 1, not a string'),
    ],
    ids=["deep", "digits", "kind"],
)
def test_a_specification_that_cannot_be_read_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BootwrightError) as caught:
        read_spec(text, "os.json")
    assert caught.value.message == sentence
