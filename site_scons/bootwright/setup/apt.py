"""Debian and Ubuntu: which packages hold the programs in this release, and installing them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.base import procs, storage_space
from bootwright.base.errors import BootwrightError
from bootwright.base.procs import find_on_path
from bootwright.loader import crates as loader
from bootwright.machine.boards import BOARDS
from bootwright.rust.toolchain import OLDEST
from bootwright.setup import installer as watched
from bootwright.setup.packagers import RUSTUP_SITE

BUILTINS = "librust-compiler-builtins-dev"  # a crate that core needs; it came into core's own tree with this series:
BUILTINS_INSIDE = (1, 90)
LISTS = Path("/var/lib/apt/lists")
ARCHIVES = Path("/var/cache/apt/archives")
LISTS_ARE_OLD = 7 * 24 * 3600  # seconds; an archive drops superseded packages, so that old lists name missing files
OPTIONS = ("-q", "-o", "APT::Status-Fd=3", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120")
# Whoever is root's helper takes nothing from the person's PATH.
ROOTS_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# apt closes its status descriptor for the programs that it starts, so it must not be 1: packages' scripts would have no
# standard output. sudo passes no descriptor from 3 on; hence the shell, which runs as root.
WITH_STATUS = ("/bin/sh", "-c", 'exec "$@" 3>&1', "sh")
INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "--no-remove")
INTERRUPTED = ("dpkg was interrupted", "dpkg --configure -a")
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C"}
# Which package has RISC-V's emulator: Debian 12 has it in misc, others give it one of its own.
RISCV, OLDER_RISCV = "qemu-system-riscv", "qemu-system-misc"
SIMPLE = {**{board.qemu: board.emulator.apt for board in BOARDS if board.emulator.apt != RISCV},
          "qemu-window": "qemu-system-gui", "sgdisk": "gdisk", "gdb": "gdb", "gdb-multiarch": "gdb-multiarch",
          "ovmf": "ovmf",
          "fsck.fat": "dosfstools", "mcopy": "mtools", "xorriso": "xorriso",
          "sbsign": "sbsigntool", "openssl": "openssl",
          "strace": "strace", "bwrap": "bubblewrap", "Xvfb": "xvfb", "zsh": "zsh", "fish": "fish",
          "losetup": "mount", "mkfs.ext4": "e2fsprogs", "fusermount3": "fuse3", "cc": "gcc",
          "docker-registry": "docker-registry", "nginx": "nginx",
          "sudo": "sudo", "qemu-aarch64": "qemu-user", "wine64": "wine64"}  # fmt: skip
OF_RUSTC = {"rustc", "cargo", "rustfmt", "clippy-driver", "rust-std"}


class Refused(BootwrightError):
    """apt-get does not install here, whatever is tried again: neither the network, the disk nor a lock is why."""


@dataclass(frozen=True)
class Version:
    """What apt-cache policy says of a package: the installed and the candidate version, empty for none."""

    installed: str
    candidate: str


class Archive:
    """Questions to apt; each starts a process, and none changes anything.

    config is a file of settings that apt reads after the system's, for lists of packages that are not the system's.
    """

    def __init__(self, environ: Mapping[str, str], config: Path | None = None) -> None:
        self.environ = {**environ, **QUIET}
        self.config = ("-c", str(config)) if config else ()

    def ask(self, program: str, *words: str) -> str:
        """Returns what the command prints; a failure prints nothing useful, and the answer is then empty."""
        ended = self.attempt(program, *words)
        return ended.stdout if ended.status == 0 else ""

    def attempt(self, program: str, *words: str) -> procs.Ended:
        """Runs apt-get or apt-cache; one that cannot be started has ended with status 127."""
        argv = (program, *self.config, *words)
        try:
            run = subprocess.run(argv, env=self.environ, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        except OSError as error:
            return procs.Ended(argv, 127, "", f"{argv[0]}: {error.strerror}")
        return procs.Ended(argv, run.returncode, run.stdout, run.stderr)

    def policy(self, names: Iterable[str]) -> dict[str, Version]:
        """Returns the versions of those packages that exist."""
        text = self.ask("apt-cache", "policy", *names)
        found = re.findall(r"^(\S+):\n  Installed: (\S+)\n  Candidate: (\S+)", text, re.MULTILINE)
        none = "(none)"
        return {n: Version(*("" if v == none else v for v in (i, c))) for n, i, c in found if (i, c) != (none, none)}

    def names(self, prefix: str) -> list[str]:
        """Returns the names of all packages that begin with prefix."""
        return self.ask("apt-cache", "pkgnames", prefix).split()

    def would_install(self, packages: Sequence[str]) -> list[str]:
        """Returns the names of all that an installation of packages would bring."""
        text = self.ask("apt-get", "install", "--simulate", "--no-install-recommends", "-q", *packages)
        return re.findall(r"^Inst (\S+)", text, re.MULTILINE)

    def refusal(self, packages: Sequence[str]) -> str:
        """Returns why apt-get cannot install packages and leave all others as they are; empty where it can.

        An interrupted dpkg is no reason: what it left is completed before anything is installed.
        """
        ended = self.attempt("apt-get", "install", "--simulate", "-y", "--no-install-recommends", "-q", *packages)
        removed = re.findall(r"^Remv (\S+)", ended.stdout, re.MULTILINE)
        if removed:
            return f"apt-get would remove {listed(removed)}"
        if ended.status == 0 or any(sign in ended.stderr.lower() for sign in INTERRUPTED):
            return ""
        held = re.search(r"^The following held packages will be changed:\n((?:  .*\n)+)", ended.stdout, re.MULTILINE)
        if held:
            return f"apt-get would change {listed(held[1].split())}, held as it is"
        unmet = re.findall(r"^ (\S+ : (?:Pre)?(?:Depends|Conflicts|Breaks): .*)$", ended.stdout, re.MULTILINE)
        errors = re.findall(r"^E: (.*)$", ended.stderr, re.MULTILINE)
        why = " ".join((unmet or errors or [f"status {ended.status}"])[0].split()).rstrip(".")
        return f"apt-get cannot install it ({why})"


def listed(names: Sequence[str]) -> str:
    """Returns "a", "a and b" or "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def rust_series(version: str) -> tuple[int, int]:
    """Returns (major, minor) of a Debian version such as 1:1.96.0+dfsg1; (0, 0) for none."""
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def choose_rust(archive: Archive) -> tuple[str, tuple[int, int]] | None:
    """Returns the package of a compiler that is new enough, and its series: an installed one, else the newest one.

    Debian has `rustc` and, in old releases, a newer `rustc-web`; Ubuntu adds `rustc-1.NN`.
    """
    names = ["rustc", "rustc-web", *(n for n in archive.names("rustc-1.") if re.fullmatch(r"rustc-1\.\d+", n))]
    policy = archive.policy(names)
    for which in ("installed", "candidate"):
        series = {name: rust_series(getattr(version, which)) for name, version in policy.items()}
        fit = [name for name in series if series[name] >= OLDEST]
        if fit:
            best = max(fit, key=lambda name: (series[name], name == "rustc"))
            return best, series[best]
    return None


def rust_packages(rustc: str, names: Iterable[str]) -> list[str]:
    """Returns the packages of the programs in names that come from the sources of the package rustc."""
    _, _, series = rustc.partition("-")
    packages = []
    for name in names:
        if name == "rustc":
            packages += [rustc, f"rust-{series}-src" if series else "rust-src"]
        elif name == "rust-std":
            packages.append(rustc)  # which depends on it
        elif name == "cargo":
            packages.append(f"cargo-{series}" if series else "cargo")
        elif name == "rustfmt":
            packages.append(f"rustfmt-{series}" if series else "rustfmt")
        elif name == "clippy-driver":
            packages.append(f"rust-{series}-clippy" if series else "rust-clippy")
    return packages


def llvm_packages(archive: Archive, major: int | None) -> list[str]:
    """Returns the packages of lld and the LLVM tools whose version is nearest to major, rustc's LLVM."""
    majors = [int(m[1]) for name in archive.names("lld-") if (m := re.fullmatch(r"lld-(\d+)", name))]
    versions = archive.policy([f"{tool}-{m}" for m in majors for tool in ("lld", "llvm")])
    majors = [m for m in majors if f"lld-{m}" in versions and f"llvm-{m}" in versions]
    if not majors:
        return ["lld", "llvm"]
    nearest = max(majors) if major is None else min(majors, key=lambda m: (abs(m - major), -m))
    return [f"lld-{nearest}", f"llvm-{nearest}"]


def packages_for(archive: Archive, names: Iterable[str], llvm: int | None) -> list[str]:
    """Returns the packages that bring the programs; llvm is the LLVM of the compiler that is there, if one is.

    Raises BootwrightError where the release has no compiler that is new enough.
    """
    names = list(names)
    packages: list[str] = []
    if not OF_RUSTC.isdisjoint(names):
        chosen = choose_rust(archive)
        if chosen is None:
            raise BootwrightError(
                f"this release's archive has no rustc; the oldest supported is {OLDEST[0]}.{OLDEST[1]}",
                f"install rustup ({RUSTUP_SITE}), then: rustup target add {loader.TARGET} && "
                "rustup component add llvm-tools rustfmt clippy",
            )
        packages += rust_packages(chosen[0], names)
        if "rustc" in names and chosen[1] < BUILTINS_INSIDE and archive.policy([BUILTINS]):
            packages.append(BUILTINS)
    if not {"ld.lld", "llvm-objcopy"}.isdisjoint(names):
        if llvm is None:  # no compiler yet: the library that it would bring tells
            brought = [re.match(r"libllvm(\d+)", name) for name in archive.would_install(packages)]
            llvm = max((int(m[1]) for m in brought if m), default=None)
        packages += llvm_packages(archive, llvm)
    packages += [SIMPLE[name] for name in names if name in SIMPLE]
    if any(board.qemu in names and board.emulator.apt == RISCV for board in BOARDS):
        packages.append(RISCV if archive.policy([RISCV]) else OLDER_RISCV)
    return list(dict.fromkeys(packages))


def lists_are_stale(archive: Archive, lists: Path = LISTS) -> bool:
    """Tells whether a list of apt's is missing, or all are so old that they may name packages that are gone."""
    would_fetch = re.findall(r"^\S+ (\S+_InRelease) ", archive.ask("apt-get", "update", "--print-uris"), re.MULTILINE)
    there = {path.name.replace("_InRelease", "_Release") for path in lists.glob("*Release")}
    if any(name.replace("_InRelease", "_Release") not in there for name in would_fetch) or not any(
        lists.glob("*_Packages*")
    ):
        return True
    return time.time() - max(p.stat().st_mtime for p in (lists, lists / "partial") if p.exists()) > LISTS_ARE_OLD


def as_root(environ: Mapping[str, str]) -> list[str] | None:
    """Returns what to put before a command so that root runs it; None where this person may not."""
    if os.geteuid() == 0:
        return []
    sudo = find_on_path("sudo", environ)
    if sudo is None:
        return None
    # -k: what sudo remembers of a password is neither asked nor changed; a person at a terminal may be asked for it.
    if subprocess.run([sudo, "-k", "-n", "true"], capture_output=True).returncode == 0:
        return [str(sudo), "-n"]
    return [str(sudo)] if sys.stdin.isatty() else None


class Apt:
    """Installs as root, through sudo where need be."""

    def __init__(self, environ: Mapping[str, str], root: Sequence[str], tell: Callable[[str], None]) -> None:
        self._environ = environ
        self._root = list(root)
        self._tell = tell

    def update(self, reason: str) -> None:
        """Fetches the lists of packages."""
        self._tell(f"apt-get update, since {reason}")
        ended = self._run("apt-get", "update")
        if ended.status:
            raise failure(ended, "the lists of packages")

    def install(self, packages: Sequence[str]) -> None:
        """Installs packages, after one line that says which; once more with new lists if the archive has moved on."""
        self._tell(f"installing with apt-get{' (sudo)' if self._root else ''}: {' '.join(packages)}")
        ended = self._run(*INSTALL, *packages)
        if ended.status and ended.said(INTERRUPTED):
            self._tell("dpkg --configure -a, since an earlier installation was interrupted")
            self._run("dpkg", "--configure", "-a")
            ended = self._run(*INSTALL, *packages)
        if ended.status and ended.said(("404  not found", "unable to locate package", "has no installation candidate")):
            self.update("the archive has moved on")
            ended = self._run(*INSTALL, *packages)
        if ended.status:
            raise failure(ended, " ".join(packages))

    def _run(self, program: str, verb: str, *words: str) -> watched.Ended:
        options = OPTIONS if program == "apt-get" else ()
        setting = ["/usr/bin/env", *(f"{key}={value}" for key, value in {**QUIET, "PATH": ROOTS_PATH}.items())]
        argv = [*self._root, *WITH_STATUS, *setting, program, verb, *options, *words]
        return watched.watch(argv, self._environ, apt_progress)


def apt_progress(line: str) -> str | None:
    """Returns a few words for a line of APT::Status-Fd; None for any other line."""
    match = re.match(r"(dlstatus|pmstatus):[^:]*:([\d.]+):(.*)", line)
    if match is None:
        return None
    doing = "fetching" if match[1] == "dlstatus" else "installing"
    return f"{doing} {float(match[2]):3.0f} %  {match[3]}"


def failure(ended: watched.Ended, what: str, place: Path = ARCHIVES) -> BootwrightError:
    """Returns the sentence for an apt-get that failed to get what; place is where it writes."""
    again = "then start sconsw again"
    if ended.said(watched.DISK_FULL):
        return ended.error(storage_space.full(place, f"{what} cannot be fetched"), f"free some space, {again}")
    if ended.said(("could not get lock", "unable to acquire the dpkg", "unable to lock")):
        return ended.error("another program is installing packages now", f"let it end, {again}")
    if ended.said(("hash sum mismatch", "hashsum mismatch", "file has unexpected size")):
        return ended.error(f"what came of {what} is not what the archive's lists say", f"see to the proxy, {again}")
    if ended.said((*watched.NO_NETWORK, "failed to fetch", "some index files failed")):
        return ended.error(f"apt-get cannot fetch {what}: no archive answers", f"connect to the network, {again}")
    error = ended.error(f"apt-get failed with status {ended.status} on {what}", f"cure what it says, {again}")
    return Refused(error.message, error.hint)
