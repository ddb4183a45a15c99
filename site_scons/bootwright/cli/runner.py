"""`bootwright runner EXE [ARGS]`: Cargo's runner. It boots what `cargo run` and `cargo test` have built.

As bootimage's runner does: the package is the one that cargo names in CARGO_MANIFEST_DIR, its
[package.metadata.bootimage] is obeyed, ARGS are more arguments for QEMU. A program in deps/, or rustdoc's, is a test:
no window, the fast lane, and status 0 where it passed, else QEMU's own. What QEMU cannot tell (a triple fault, a hang,
a loader that failed) has the statuses of scons. Nothing is made but the kernel file, and of a run the image, beside
EXE.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError, Lacks, Status
from bootwright.base.home import HOME
from bootwright.base.records import replace
from bootwright.base.terminal import printable
from bootwright.cargo.metadata import BootimageSettings, Settings, on_a_board, own_command, read_settings
from bootwright.cli.features import bootloader_features, read_manifest
from bootwright.cli.prepared import FAST_LOADER, Preparation, look
from bootwright.faults.subject import Subject
from bootwright.machine import boards
from bootwright.machine.options import split_flags
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.config import RunConfig
from bootwright.run.explained import run_and_report
from bootwright.run.settings import CommandLine, configure
from bootwright.run.voice import write
from bootwright.setup import stamp

USAGE = "usage: bootwright runner [--headless] [--full] [--quiet] [MEMORY=128M] [TIMEOUT=SECONDS] [QEMU=] EXE [ARGS]"
VARIABLES = ("MEMORY", "TIMEOUT", "QEMU")  # before EXE; the project's file may say these, and more
OF_FILES = (*VARIABLES, "QEMUFLAGS", "FIRMWARE")
OF_A_RUN = ("SERIAL", "RAW")  # which `bootwright test` does not take either
# What `bootwright run` alone obeys: how an image is made, where it is booted, and what of it cargo has decided here.
OF_BUILDS = (
    "RAMDISK", "ACTIVE", "SIGN", "SIGN_KEY", "SIGN_CERT", "BOARD", "VARIANT", "PROFILE", "TARGET", "HOST", "ARCH",
    "PACKAGE", "BIN", "FEATURES", "NO_DEFAULT_FEATURES", "RUSTC", "RUSTFLAGS", "LDSCRIPT", "UNSTABLE",
)  # fmt: skip
TEST_SECONDS = 300.0  # bootimage's
RUSTDOC = "rustdoctest"  # how the directories begin in which rustdoc puts its programs


def main(words: Sequence[str]) -> int:
    """Boots the program that words name; returns the status for cargo."""
    try:
        request = Request(words, os.environ)
        if request.exe is None:
            print(USAGE)
            return Status.DONE
        stamp.add_private_programs(str(HOME))  # a QEMU among them, which cargo does not know
        return _boot(request, request.exe)
    except BootwrightError as error:
        if isinstance(error, Lacks):
            from bootwright.setup.told import add_cure  # a boot without an error does not pay for it

            add_cure(error, os.environ)
        write(sys.stderr, f"bootwright: {error}\n")
        return error.status


class Request:
    """What cargo and its configuration ask for: exe is None where that was help."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        left, said, given = list(words), set[str](), dict[str, str]()
        while left and (left[0] == "-h" or left[0].startswith("--") or _variable(left[0]) in VARIABLES):
            name, equals, value = left.pop(0).partition("=")
            if equals and name.isupper():
                given[name] = value
            elif name in ("--headless", "--full", "--quiet", "--help", "-h") and not equals:
                said.add("--help" if name == "-h" else name)
            else:
                raise BootwrightError(f"the runner has no switch {name}{equals}{value}", USAGE)
        if left and (name := _variable(left[0])).isupper() and not Path(left[0]).exists():
            raise BootwrightError(f"the runner takes no {name}=", USAGE)
        if not left and "--help" not in said:
            raise BootwrightError("the runner was given no program to boot", USAGE)
        self.exe = None if "--help" in said else Path(left[0]).absolute()
        self.arguments = tuple(left[1:])
        self.headless, self.full, self.quiet = ("--headless" in said, "--full" in said, "--quiet" in said)
        self.given = given
        self.places = dict[str, str]()  # of what the project's files say
        self.environ = environ

    @property
    def in_doctest(self) -> bool:
        """Whether rustdoc made the program."""
        return self.exe is not None and self.exe.parent.name.startswith(RUSTDOC)

    @property
    def in_test(self) -> bool:
        """Whether the program is a test, by where it lies, as bootimage has it."""
        place = self.exe.parts[:-1] if self.exe is not None else ()
        # A newer layout of cargo's has build/PACKAGE/HASH/out for deps.
        return self.in_doctest or place[-1:] == ("deps",) or (place[-1:] == ("out",) and place[-4:-3] == ("build",))

    def manifest(self) -> Path:
        """Returns the Cargo.toml of the program's package: cargo names its directory; by hand it is searched for."""
        named = self.environ.get("CARGO_MANIFEST_DIR")
        assert self.exe is not None, "there is something to boot"
        places = [Path(named)] if named else [*self.exe.parents, Path.cwd(), *Path.cwd().parents]
        for place in places:
            if (place / "Cargo.toml").is_file():
                return place / "Cargo.toml"
        raise BootwrightError(
            f"{self.exe} lies in no Cargo package", "CARGO_MANIFEST_DIR names the package's directory"
        )

    def read_files(self, package: Path) -> None:
        """Takes what the project's files in package say of the machine, where the command line does not."""
        from bootwright.setup import project_file

        assert self.exe is not None, "there is something to boot"
        idle = dict[str, list[str]]()
        for name, word in project_file.find_words(str(package), self.given).items():
            if name in OF_FILES or (name in OF_A_RUN and not self.in_test):
                self.given[name], self.places[name] = word.value, f" ({word.place} says {name})"
            elif name in OF_BUILDS and word.value not in ("", "0", *self.exe.parts):  # cargo's debug, or that target
                idle.setdefault(word.place, []).append(f"{name}={word.value}")
        for place, words in idle.items():
            verb = "have" if len(words) > 1 else "has"
            tell(f"{', '.join(words)} of {place} {verb} no effect on what cargo starts; `bootwright run` obeys")
        if self.given.get("FIRMWARE") == "secure":
            raise BootwrightError(
                "FIRMWARE=secure starts what is signed, and the runner signs nothing", "`bootwright run` does"
            )

    @property
    def firmware(self) -> str:
        """The firmware that starts the machine."""
        return self.given.get("FIRMWARE") or CommandLine.firmware

    def line(self) -> CommandLine:
        """Returns what was said about the machine."""
        timeout = self.given.get("TIMEOUT", "")
        if timeout and not (timeout.replace(".", "", 1).isdecimal() and float(timeout)):
            place = self.places.get("TIMEOUT", "")
            raise BootwrightError(f"TIMEOUT={timeout} is no positive number of seconds{place}")
        return CommandLine(
            qemu=self.given.get("QEMU") or None,
            flags=(*split_flags(self.given.get("QEMUFLAGS", "")), *self.arguments),
            memory=self.given.get("MEMORY") or CommandLine.memory,
            memory_given="MEMORY" in self.given,
            firmware=self.firmware,
            timeout=float(timeout) if timeout else None,
            headless=self.headless or self.in_test,
            raw=self.given.get("RAW") == "1",
            serial=Path(self.given["SERIAL"]) if self.given.get("SERIAL") else None,
        )


def tell(line: str) -> None:
    """Prints one line for the person."""
    write(sys.stderr, f"bootwright: {line}\n")


def _variable(word: str) -> str:
    return word.partition("=")[0] if "=" in word else ""


def _boot(request: Request, exe: Path) -> int:
    manifest = request.manifest()
    seen = look(exe, manifest)
    request.read_files(manifest.parent)
    tables = read_manifest(manifest)
    settings = read_settings(manifest, tables.get("package", {}).get("metadata", {}))
    for warning in settings.warnings:
        tell(warning)
    fast = request.in_test and not request.full and not own_command(settings.bootimage)
    fast = fast and request.firmware == CommandLine.firmware
    features = bootloader_features(manifest, tables, request.environ)
    preparation = Preparation(exe, fast, manifest, features, seen)
    config = _machine(request, preparation, settings)
    if request.in_test:
        config = replace(config, timeout=config.timeout or TEST_SECONDS)
    subject = Subject(exe, exe.with_name(f"{exe.name}.png"), manifest.parent)
    end, report = run_and_report(config, subject, sys.stdout, sys.stderr, request.in_test)
    if request.in_test and config.program:
        write(sys.stdout, end.serial)
    passed = end.kind is Kind.PASSED or (request.in_test and end.kind is Kind.POWERED_OFF)
    if not (request.in_test and passed) and not (request.quiet and passed):
        write(sys.stderr, printable(f"bootwright: {_sentence(end, exe)}\n{report}"))
    return _status(end, request.in_test, config.success_exit_code)


def _machine(request: Request, preparation: Preparation, settings: Settings) -> RunConfig:
    """Returns the machine of the program, once what it boots lies beside it."""
    exe, directory, fast = preparation.exe, preparation.manifest.parent, preparation.fast
    prepared = preparation.known()
    if prepared is None:
        from bootwright.image.elf_file import EM_X86_64, ElfFile  # the same program again needs neither

        try:
            data = exe.read_bytes()
        except OSError as error:
            raise BootwrightError(f"{exe} cannot be read: {error.strerror}") from error
        elf = ElfFile(data, exe)
        if not elf.is_64_little or elf.e_machine != EM_X86_64:
            return _on_a_board(request, exe, settings.bootimage, directory)
        prepared = preparation.make(elf, settings.bootloader, request.environ, tell)
    for line in prepared.remarks:
        tell(line)
    config = configure(settings.bootimage, request.line(), directory, in_test=request.in_test, fast=fast)
    return replace(config, image=prepared.image, loader=prepared.loader / FAST_LOADER if fast else None)


def _on_a_board(request: Request, exe: Path, bootimage: BootimageSettings, directory: Path) -> RunConfig:
    """Returns the machine for a program of another architecture, which cargo has put below its target's name."""
    names = [path.name for path in exe.parents]
    board = next((found for name in names if (found := boards.find_board(name))), None)
    if board is None or board.is_pc:
        raise BootwrightError(f"{exe} is for no machine that is known here", boards.no_machine(names[1]))
    if request.firmware != CommandLine.firmware:
        raise BootwrightError(f"FIRMWARE={request.firmware} is for x86-64 kernels: {board.name} has none")
    config = configure(on_a_board(bootimage, tell), request.line(), directory, in_test=request.in_test, fast=False)
    return replace(config, image=exe, board=board.name)


def _sentence(end: Verdict, exe: Path) -> str:
    """Returns the verdict's sentence; of a loader that refused the kernel, what is wrong with the kernel."""
    if end.kind is Kind.LOADER_FAILED:
        from bootwright.elf.checks import check_kernel  # pyelftools is slow to import

        try:
            check_kernel(exe)
        except BootwrightError as error:
            return f"{end.sentence}\n  {error}"
    return end.sentence


def _status(end: Verdict, in_test: bool, success: int | None) -> int:
    """Returns what bootimage's runner would, where QEMU tells; else the verdict's own, of which a test's is never 0."""
    if end.exit_code is not None and end.exit_code < 0:
        return Status.TESTS_FAILED  # killed by a signal, of which bootimage says 1 in a run as well
    if not in_test:
        return end.status if end.exit_code is None else end.exit_code
    if end.kind is Kind.PASSED:
        return Status.DONE
    if end.kind is Kind.POWERED_OFF:  # QEMU's status is 0 then: success where the manifest names no other
        return Status.DONE if success is None else Status.TESTS_FAILED
    return end.status or Status.GUEST_DIED
