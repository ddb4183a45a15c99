"""The programs of the machine that the build uses: what each is for, which packages bring it, and where it is.

sconsw and the doctor share this; host_system.py has the command that installs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from bootwright.machine.boards import BOARDS
from bootwright.machine.emulators import Emulator
from bootwright.setup import verbs

QEMU = "qemu-system-x86_64"


class System(Enum):
    """How programs are installed on this machine."""

    APT = "apt"
    DNF = "dnf"
    PACMAN = "pacman"
    ZYPPER = "zypper"
    APK = "apk"
    NIX = "nix"
    BREW = "brew"
    WINGET = "winget"
    OTHER = "other"


@dataclass(frozen=True)
class Program:
    """One program: what it is for, which verbs need it, its packages by system, and rustup's component."""

    name: str
    purpose: str
    verbs: str
    lacking: str = ""  # what becomes of the verb without it; empty: the verb cannot do its work
    packages: Mapping[System, str] = field(default_factory=dict)
    component: str = ""

    @property
    def essential(self) -> bool:
        """Whether its verbs cannot do without it."""
        return not self.lacking


SOME_TESTS = "some tests will not run"


def _packages(
    dnf: str = "", pacman: str = "", brew: str = "", winget: str = "", zypper: str = "", apk: str = "", nix: str = ""
) -> dict[System, str]:
    """Returns the packages' names by system; those of nix are attributes of nixpkgs.

    openSUSE and nixpkgs have no package of core's sources where rustc looks: there rustup brings the compiler.
    """
    named = {System.DNF: dnf, System.PACMAN: pacman, System.BREW: brew, System.WINGET: winget, System.ZYPPER: zypper,
             System.APK: apk, System.NIX: " ".join(f"nixpkgs#{word}" for word in nix.split())}  # fmt: skip
    return {system: words for system, words in named.items() if words}


def _of_tests(name: str, purpose: str, package: str, **other: str) -> Program:
    """Returns a program without which some tests do not run; other are the systems whose package has another name."""
    names = dict.fromkeys(("dnf", "pacman", "brew", "zypper", "apk", "nix"), package) | other
    return Program(name, purpose, "test", lacking=SOME_TESTS, packages=_packages(**names))


def _emulators() -> dict[Emulator, list[str]]:
    """Returns the emulators of boards, each with the first words of the targets that it runs."""
    boards = [board for board in BOARDS if not board.is_pc]
    return {
        emulator: [word for board in boards if board.emulator is emulator for word in board.asked_by.split("/")]
        for emulator in dict.fromkeys(board.emulator for board in boards)
    }


PROGRAMS = {
    program.name: program
    for program in (
        Program(
            "rustc",
            "compiles the boot loader, core and the kernel",
            "every build",
            packages=_packages(
                "rust rust-src", "rust rust-src", "rustup", "Rustlang.Rustup", "rustup", "rust rust-src", "rustup"
            ),
        ),
        Program(
            "cargo",
            "plans what is compiled: packages, features, profiles",
            "every build",
            packages=_packages("cargo", "rust", "rustup", "Rustlang.Rustup", "rustup", "cargo", "rustup"),
        ),
        Program(
            "ld.lld",
            "links the boot loader and the kernel",
            "every build",
            packages=_packages("lld", "lld", "lld", "LLVM.LLVM", "lld", "lld", "lld"),
        ),
        Program(
            "llvm-objcopy",
            "cuts the loader's stages and debug sections out of ELF files",
            "every build",
            packages=_packages("llvm", "llvm", "llvm", "LLVM.LLVM", "llvm", "llvm", "llvm"),
            component="llvm-tools",
        ),
        Program(
            QEMU,
            "is the machine that runs the kernel",
            "run, screenshot, gdb, test",
            packages=_packages(
                "qemu-system-x86",
                "qemu-system-x86",
                "qemu",
                "SoftwareFreedomConservancy.QEMU",
                "qemu-x86",
                "qemu-system-x86_64",
                "qemu",
            ),
        ),
        *(
            Program(
                emulator.name,
                f"is the board that runs a kernel for {', '.join(words)}",
                "run, test with such a TARGET; test",
                packages=_packages(
                    emulator.dnf,
                    emulator.dnf,
                    "qemu",
                    "SoftwareFreedomConservancy.QEMU",
                    emulator.zypper,
                    emulator.name,
                    "qemu",
                ),
            )
            for emulator, words in _emulators().items()
        ),
        Program(
            verbs.WINDOW,
            "shows the machine's screen in a window",
            "run, gdb",
            lacking="the machine's screen will be in the terminal",
            packages=_packages(
                "qemu-ui-gtk",
                "qemu-ui-gtk",
                "qemu",
                "SoftwareFreedomConservancy.QEMU",
                "qemu-ui-gtk",
                "qemu-ui-gtk",
                "qemu",
            ),
        ),
        Program(
            verbs.OVMF,
            "is the UEFI firmware of a machine with FIRMWARE=uefi",
            "run, screenshot, gdb with FIRMWARE=uefi; test",
            packages=_packages(
                "edk2-ovmf", "edk2-ovmf", "qemu", "SoftwareFreedomConservancy.QEMU", "qemu-ovmf-x86_64", "ovmf", "qemu"
            ),
        ),
        Program(
            "sbsign",
            "signs the EFI program for Secure Boot",
            "SIGN=1, SIGN_KEY=; test",
            lacking="nothing is signed",
            packages=_packages("sbsigntools", "sbsigntools", "", "", "sbsigntools", "sbsigntool", "sbsigntool"),
        ),
        Program(
            "openssl",
            "makes the keys of Secure Boot",
            "keys; test",
            lacking="no keys are made",
            packages=_packages(
                "openssl", "openssl", "openssl", "ShiningLight.OpenSSL.Light", "openssl", "openssl", "openssl"
            ),
        ),
        Program(
            "gdb",
            "steps through the kernel",
            "gdb",
            packages=_packages("gdb", "gdb", "gdb", "BrechtSanders.WinLibs.POSIX.UCRT", "gdb", "gdb", "gdb"),
        ),
        Program(
            verbs.FOR_BOARDS,
            "steps through kernels for boards",
            "gdb with such a TARGET; test",
            packages=_packages("gdb", "gdb", "gdb", "BrechtSanders.WinLibs.POSIX.UCRT", "gdb", "gdb-multiarch", "gdb"),
        ),
        Program(
            "rustfmt",
            "checks the layout of the Rust sources",
            "test",
            lacking=SOME_TESTS,
            packages=_packages("rustfmt", "rust", apk="rustfmt"),
            component="rustfmt",
        ),
        Program(
            "clippy-driver",
            "lints the Rust sources",
            "test",
            lacking=SOME_TESTS,
            packages=_packages("clippy", "rust", apk="rust-clippy"),
            component="clippy",
        ),
        _of_tests("sgdisk", "judges our partition tables as an outsider", "gptfdisk", dnf="gdisk", apk="sgdisk"),
        _of_tests("fsck.fat", "judges our EFI system partition as an outsider", "dosfstools"),
        _of_tests("mcopy", "reads our EFI system partition as an outsider", "mtools"),
        _of_tests("xorriso", "judges our image as a CD as an outsider", "xorriso", pacman="libisoburn"),
        _of_tests("zsh", "completes words for a test", "zsh"),
        _of_tests("fish", "completes words for a test", "fish"),
        _of_tests("strace", "lists what a clean build opens", "strace", brew=""),
        _of_tests("docker-registry", "keeps images that tests push", "", dnf="docker-distribution"),
        _of_tests("nginx", "serves a shared cache to tests", "nginx"),
        Program(
            "Xvfb",
            "is the screen for windows that tests open and close",
            "test",
            lacking=SOME_TESTS,
            packages=_packages(
                "xorg-x11-server-Xvfb", "xorg-server-xvfb", "", "", "xorg-x11-server-Xvfb", "xvfb", "xorg-server"
            ),
        ),
        Program(
            "bwrap",
            "contains the build of somebody else's kernel, in a test of README's line",
            "test",
            lacking=SOME_TESTS,
            packages=_packages("bubblewrap", "bubblewrap", "", "", "bubblewrap", "bubblewrap", "bubblewrap"),
        ),
        Program(
            "losetup",
            "makes the media that the flasher's tests write to",
            "test, soak",
            lacking=SOME_TESTS,
            packages=_packages("util-linux", "util-linux", "", "", "util-linux", "losetup", "util-linux"),
        ),
        Program(
            "mkfs.ext4",
            "makes a file system that the flasher must not write over",
            "test",
            lacking=SOME_TESTS,
            packages=_packages("e2fsprogs", "e2fsprogs", "", "", "e2fsprogs", "e2fsprogs", "e2fsprogs"),
        ),
        Program(
            "sudo",
            "lets a person who may not write to disks write to one",
            "test, usb",
            lacking="root alone can write to sticks",
            packages=_packages("sudo", "sudo"),
        ),
        Program(
            "fusermount3",
            "comes with libfuse, which serves media that lie",
            "test, soak",
            lacking=SOME_TESTS,
            packages=_packages("fuse3", "fuse3", "", "", "fuse3", "fuse3", "fuse3"),
        ),
        Program(
            "cc",
            "links programs for this system itself",
            "build scripts and macros, HOST=, hosts, test",
            lacking="lld links them",
            packages=_packages("gcc", "gcc", "", "", "gcc", "gcc musl-dev", "gcc"),
        ),
        Program(
            "rust-std",
            "is the standard library of this system, for what is compiled to run on it",
            "build scripts and macros, test",
            lacking=SOME_TESTS,
            packages=_packages("rust-std-static", "rust", apk="rust"),
        ),
        Program(
            "qemu-aarch64",
            "runs programs for Linux on AArch64",
            "hosts, test",
            lacking="such a program is checked and not run",
            packages=_packages("qemu-user", "qemu-user", "", "", "qemu-linux-user", "qemu-aarch64", "qemu-user"),
        ),
        Program(
            "wine64",
            "runs programs for Windows",
            "hosts, test",
            lacking="such a program is checked and not run",
            packages=_packages("wine-core", "wine", "", "", "wine", "wine", "wine64"),
        ),
    )
}


def program(name: str) -> Program:
    """Returns what is known of a program; one that only a test asks for is known by its name alone."""
    return PROGRAMS.get(name) or Program(name, "serves a test", "test", SOME_TESTS)
