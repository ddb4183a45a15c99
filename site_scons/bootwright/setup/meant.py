"""What a word of the command line that is none here may have meant: other programs' words, and slips of the fingers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from bootwright.base.errors import BootwrightError
from bootwright.setup.verbs import HELP
from bootwright.setup.words import VARIABLES

# Words of cargo, make, bootimage, QEMU and of speech, with what does the same here.
ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("all", "bootimage", "build", "make", "rebuild", "disk", "img", "elf", "kernel"), ("scons",)),
    **dict.fromkeys(("clean", "distclean", "mrproper", "remove", "uninstall"), ("scons -c",)),
    "release": ("scons VARIANT=release",),
    "debug": ("scons VARIANT=debug", "scons gdb"),
    **dict.fromkeys(("debugger", "lldb", "attach"), ("scons gdb",)),
    **dict.fromkeys(("boot", "qemu", "start", "launch", "emulate", "simulate", "exec"), ("scons run",)),
    **dict.fromkeys(("flash", "burn", "dd", "write", "upload", "deploy", "stick"), ("scons usb DEV=",)),
    "check": ("scons test", "scons verify"),
    **dict.fromkeys(("clippy", "fmt", "update", "add", "doc"), ("cargo {}",)),
    "list": ("scons test --list",),
    **dict.fromkeys(("info", "status", "env"), ("scons doctor",)),
    **dict.fromkeys(("symbols", "nm", "bloat"), ("scons size",)),
    **dict.fromkeys(("cd", "cdrom"), ("scons iso",)),
    **dict.fromkeys(("qcow2", "virtualbox", "vmware"), ("scons vm",)),
    **dict.fromkeys(("tftp", "netboot"), ("scons pxe",)),
    **dict.fromkeys(("vscode", "rust-analyzer"), ("scons ide",)),
    **dict.fromkeys(("setup", "install"), ("./sconsw", "scons usb DEV=")),
    **dict.fromkeys(("new", "init"), ("bootwright new NAME",)),
    "version": ("scons --version",),
    "bench": ("tools/bench",),
}
# Switches of cargo and QEMU, with the words that say it here.
SWITCHED: Mapping[str, str] = {
    "--release": "VARIANT=release",
    **dict.fromkeys(("--uefi", "--efi"), "FIRMWARE=uefi"),
    **dict.fromkeys(("--nographic", "--no-window", "--no-gui", "--nogui", "--no-graphic", "--console"), "--headless"),
    **dict.fromkeys(("--smp", "--cpu", "--accel", "--kvm", "--display", "--vga", "--netdev", "--device", "--machine",
                     "--qemu-args"), "QEMUFLAGS="),
    **dict.fromkeys(("--mem", "--ram"), "MEMORY="),
    **dict.fromkeys(("--manifest-path", "--path"), "KERNEL="),
    **dict.fromkeys(("--example", "--bins"), "BIN="),
    "--target-dir": "BUILD=",
    "--workspace": "PACKAGE=",
    "--filter": "TESTS=",
}  # fmt: skip
# What architectures and processors are called, with the triple of rustc's that runs on nothing but them.
BARE: Mapping[str, str] = {
    "x86_64": "x86_64-unknown-none",
    "x86-64": "x86_64-unknown-none",
    "amd64": "x86_64-unknown-none",
    "x64": "x86_64-unknown-none",
    "x86_64-none": "x86_64-unknown-none",
    "aarch64": "aarch64-unknown-none",
    "arm64": "aarch64-unknown-none",
    "riscv64": "riscv64gc-unknown-none-elf",
    "riscv64-unknown-none": "riscv64gc-unknown-none-elf",
    "riscv": "riscv64gc-unknown-none-elf",
    "arm": "thumbv7em-none-eabihf",
    "cortex-m4": "thumbv7em-none-eabihf",
    "thumb": "thumbv7em-none-eabihf",
}
# SCons's own switches that name a directory or a file of its own.
PLACES = (
    "--directory", "--file", "--include-dir", "--makefile", "--no-site-dir", "--repository", "--sconstruct",
    "--search-up", "--site-dir", "--srcdir", "--up",
)  # fmt: skip
LEAST = 0.6  # of difflib's ratio: two words that a person may have taken for each other
SURE = 0.8


def nearest(name: str, names: Iterable[str], least: float = LEAST) -> str:
    """Returns the one of names that name is most like, "" where none is."""
    return next(iter(difflib.get_close_matches(name, list(names), 1, least)), "")


def meant_target(word: str, targets: Sequence[str], pages: Sequence[str] = ()) -> str:
    """Returns the hint for a target that there is none of: one word differs in a letter, or is another program's.

    pages are the subjects of `scons help`.
    """
    known = nearest(word.lower(), [*targets, *ELSEWHERE], SURE)
    if word.lower() in pages and known not in (word.lower(), *targets):
        return f"`scons help {word.lower()}` prints a page on it"
    if known in ELSEWHERE:
        return f"did you mean {' or '.join(f'`{one.format(known)}`' for one in ELSEWHERE[known])}?"
    near = known or nearest(word.lower(), targets)
    return f"did you mean {near}?" if near else "scons -h lists them"


def check_variable(name: str, value: str, names: Sequence[str]) -> None:
    """Raises for a NAME=value that there is none of."""
    if not name:
        raise BootwrightError(f"={value}: a variable has a name before the =", "scons -h lists them")
    if name not in names:
        near = nearest(name.upper().replace("-", "_"), names)
        hint = f"did you mean {near}?" if near else "scons -h lists them"
        raise BootwrightError(f"{name}={value}: there is no variable {name}", hint)


def _meant_switch(word: str, value: str, names: Iterable[str], least: float = LEAST) -> str:
    """Returns what a switch that there is none of may have meant: a variable, others' switch, or one of names.

    Its beginning is not enough: SCons does not complete it.
    """
    plain = word.lstrip("-").upper().replace("-", "_")
    variables = [variable.name for variable in VARIABLES]
    if plain in variables:
        return f"{plain}={value}"
    if f"--{word.lstrip('-')}" in SWITCHED:
        return SWITCHED[f"--{word.lstrip('-')}"]
    names = list(names)
    begins = [name for name in names if name.startswith(word)]
    variable = nearest(plain, variables, SURE)
    return nearest(word, names, SURE) or (f"{variable}={value}" if variable else "") or (
        begins[0] if begins else nearest(word, names, least)
    )  # fmt: skip


def meant_triple(word: str, triples: Sequence[str]) -> str:
    """Returns the triple that word, which is none, may have meant: a bare one, or one of triples; "" for none."""
    word = word.lower()
    if word in BARE:
        return BARE[word]
    if word in triples:
        return ""
    near = nearest(word, [*BARE.values(), *triples], 0.9)
    return near or ("" if "-" in word else BARE.get(nearest(word, BARE, SURE), ""))


def check_letters(arguments: Iterable[str], ours: Sequence[str]) -> None:
    """Raises for one of ours, or what a variable says, that was written with one dash: SCons would read -headless as
    -h -e -a -d -l ess.

    It says of some of these letters that it ignores them, and obeys others (-c removes), before the SConstruct is read.
    """
    for argument in arguments:
        name, _, value = argument.partition("=")
        plain = name.lstrip("-")
        if len(plain) < 3 or argument[:1] != "-" or argument[1:2] == "-":
            continue
        near = _meant_switch(f"--{plain}", value, ours, SURE)
        if near:
            raise BootwrightError(f"{argument} is several switches of one letter each", f"did you mean {near}?")


def check_places(arguments: Iterable[str], letters: Sequence[str]) -> None:
    """Raises for SCons's own switches, letters among them, that say where its files are: they are bootwright's."""
    for argument in arguments:
        word = argument.partition("=")[0]
        if word in PLACES or (word[:1] == "-" and word[1:2] in letters):
            raise BootwrightError(
                f"{argument} has SCons look elsewhere for what bootwright brings", "KERNEL= names a kernel"
            )


def check_switches(arguments: Sequence[str], ours: Sequence[str], others: Sequence[str]) -> None:
    """Raises for a word that begins with a dash and is no switch; others are SCons's own.

    SCons says of --fsat that there is no such option and no more.
    """
    check_letters(arguments, ours)
    known = {*ours, *others}
    for argument in arguments:
        word, _, value = argument.partition("=")
        if word.startswith("--") and word.lstrip("-") and word not in known:
            near = _meant_switch(word, value, sorted(known))
            raise BootwrightError(
                f"there is no switch {word}", f"did you mean {near}?" if near else "scons -h lists them"
            )


def check_early(arguments: Sequence[str], ours: Sequence[str], targets: Sequence[str], pages: Sequence[str]) -> None:
    """Raises for what is sure to be a slip, before anything is installed for it; ours are the switches.

    What SCons's own switches are is not known yet, nor whether a word is the value of one.
    """
    check_letters(arguments, ours)
    names = [variable.name for variable in VARIABLES]
    before = ""
    if HELP in arguments:
        return
    for argument in arguments:
        word, equals, value = argument.partition("=")
        near = _meant_switch(word, value, ours, SURE) if word.startswith("--") and word not in ours else ""
        if near and word.lstrip("-"):
            raise BootwrightError(f"there is no switch {word}", f"did you mean {near}?")
        if not argument.startswith("-") and (before[:1] != "-" or "=" in before):
            if equals:
                check_variable(word, value, names)
            elif argument not in targets and not any(c in argument for c in "./\\"):
                raise BootwrightError(f"there is no target {argument}", meant_target(argument, targets, pages))
        before = argument
