"""What the tests of bootwright itself want beside a build, by their names, and which of them `scons soak` runs.

sconsw asks this at each start: it imports os, sys and data alone.
"""

from __future__ import annotations

import sys

from bootwright.machine.boards import OTHER_EMULATORS
from bootwright.setup.verbs import FOR_BOARDS, HOST_UNITS, OVMF, SBSIGN, WINDOW

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable

# By how the printed names of tests begin: what these tests want beside a build.
TESTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lint/rust", ("rustfmt", "clippy-driver")),
    ("unit/", ("sgdisk",)),
    ("unit/storage", ("openssl",)),
    ("unit/image", ("fsck.fat", "mcopy", "xorriso")),
    ("build/", ("qemu-system-x86_64", "gdb", *HOST_UNITS, "strace")),
    ("build/new", ("qemu-system-arm",)),
    ("build/completion", ("zsh", "fish")),
    ("build/containment", ("bwrap",)),
    ("build/rack", (OVMF,)),
    ("build/registry", ("docker-registry",)),
    ("build/shared_cache", ("nginx",)),
    ("build/loader", (SBSIGN, "openssl")),
    ("build/hosts", ("qemu-aarch64", "wine64")),
    ("boot/", ("qemu-system-x86_64",)),
    ("boot/board", OTHER_EMULATORS),
    ("boot/uefi", (OVMF,)),
    ("boot/in_a_row", (OVMF, SBSIGN, "openssl")),
    ("boot/flips", (OVMF,)),
    ("boot/failing_reads", (OVMF,)),
    ("boot/matrix", (OVMF, SBSIGN, "openssl")),
    ("boot/pool", ("openssl",)),
    ("boot/uefi_secure", (SBSIGN, "openssl")),
    ("boot/uefi_run", ("gdb",)),
    ("build/graph", (OVMF,)),
    ("boot/gdb", ("gdb", FOR_BOARDS, *OTHER_EMULATORS)),
    ("boot/window", (WINDOW, "Xvfb")),
    ("flash/", ("qemu-system-x86_64", "sgdisk", "losetup", "mkfs.ext4", "fusermount3", "sudo")),
    ("flash/usb", (OVMF, "fsck.fat", "mcopy", "xorriso")),
    ("kernel/", ("qemu-system-x86_64",)),
)
OF_LINUX = (
    "strace", "docker-registry", "nginx", "bwrap", "Xvfb", "losetup", "mkfs.ext4", "fusermount3", "sudo", "cc",
    "qemu-aarch64", "wine64", "zsh", "fish",
)  # fmt: skip  # no need elsewhere
# Patterns of the tests of which --soak runs more than CI does.
SOAKED = (
    "boot/busy", "boot/failing_reads", "boot/flips", "boot/in_a_row", "boot/pool", "boot/uefi", "boot/uefi_hostile",
    "boot/uefi_secure", "build/hosts", "build/loader_crates", "build/packages", "build/rack", "build/shared_cache",
    "build/unmodified", "flash/guest", "flash/killed", "flash/lying", "flash/unlucky", "flash/usb", "unit/hostile",
)  # fmt: skip
WILDCARDS = "*?["


def needed_by_tests(patterns: Iterable[str]) -> tuple[str, ...]:
    """Returns the names of the programs that the tests need which these patterns of TESTS= can choose."""
    patterns = list(patterns)
    needed = dict.fromkeys(name for row, names in TESTS for name in names if any(may_choose(p, row) for p in patterns))
    return tuple(name for name in needed if sys.platform == "linux" or name not in OF_LINUX)


def may_choose(pattern: str, row: str) -> bool:
    """Tells whether a pattern of TESTS= can match a printed name that begins with row."""
    end = min((pattern.find(c) for c in WILDCARDS if c in pattern), default=len(pattern))
    plain = pattern[:end]
    if end < len(pattern):
        return plain.startswith(row) or row.startswith(plain)
    whole = (f"{plain}/", f"{plain}::")  # of a room or a module that is named without more, all
    return plain.startswith(row) or row.startswith(whole) or any(name.startswith(row) for name in whole)
