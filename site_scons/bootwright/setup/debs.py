"""Which packages of Debian's archive hold what programs need, and fetching their files: apt knows both.

apt is told that nothing is installed but what CLAIMED says, so that there is no conflict with the machine's own
packages; its lists are signed, and hold the SHA-256 of each file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.setup import apt
from bootwright.setup import installer as watched

# What programs of the archive depend on, and the system has or only an installation wants. They are said to be
# installed in a version that is newer than any that could be asked for.
CLAIMED = ("libc6", "python3", "python3-minimal", "debconf", "adduser", "passwd", "libpam-modules", "iso-codes",
           "libcap2-bin", "media-types", "shared-mime-info", "ucf", "sensible-utils", "ca-certificates",
           "init-system-helpers", "lsb-base", "sysvinit-utils", "iproute2")  # fmt: skip
# rustc's packages depend on a C compiler and on the builder's own library, which only programs for the builder want.
OF_CC = ("gcc", "binutils", "libc6-dev")
STD = re.compile(r"libstd-rust.*-dev")
PROVIDED = {"libc6-dev": "libc-dev", "gcc": "c-compiler", "debconf": "debconf-2.0"}


@dataclass(frozen=True)
class Deb:
    """One package of the archive: its name, its file's name there, its size in bytes and its SHA-256."""

    name: str
    file: str
    size: int
    sha256: str


def read_uris(text: str) -> list[Deb]:
    """Returns the packages of what `apt-get install --print-uris` printed: 'URI' FILE SIZE SHA256:DIGEST in a line.

    Raises BootwrightError for a package without that digest: what cannot be checked is not taken.
    """
    debs = []
    for uri, file, size, digest in re.findall(r"^'(.*?)' (\S+) (\d+) ?(\S*)$", text, re.MULTILINE):
        kind, _, value = digest.partition(":")
        if kind != "SHA256" or not re.fullmatch("[0-9a-f]{64}", value):
            raise BootwrightError(
                f"the archive gives no SHA-256 of {uri}", "see to it that apt's lists are signed ones"
            )
        debs.append(Deb(file.partition("_")[0], file, int(size), value))
    return debs


def find_needed(archive: apt.Archive, packages: Sequence[str], names: Collection[str], scratch: Path) -> list[Deb]:
    """Returns all packages that the programs of packages need, sorted by name.

    What only the building of programs for this system needs is among them where names hold cc or rust-std. scratch is
    an empty directory. Raises BootwrightError where apt-get would not install them on an empty machine.
    """
    claimed = [name for name in (*CLAIMED, *OF_CC) if "cc" not in names or name not in ("libc6", *OF_CC)]
    status = scratch / "status"
    status.write_text("".join(_stanza(name) for name in claimed), encoding="utf-8")
    options = ["--no-install-recommends", "-y", "-o", f"Dir::State::status={status}"]
    debs = ask_uris(archive, "install", packages, options)
    return sorted((d for d in debs if "rust-std" in names or not STD.match(d.name)), key=lambda deb: deb.name)


def ask_uris(archive: apt.Archive, verb: str, packages: Sequence[str], options: Sequence[str] = ()) -> list[Deb]:
    """Returns what apt-get would fetch for its verb install or download; raises BootwrightError where it would not."""
    settings = ["--print-uris", "-q", "-o", "Acquire::ForceHash=SHA256", "-o", "Debug::NoLocking=1"]
    ended = archive.attempt("apt-get", verb, *settings, *options, *packages)
    if ended.status:
        said = tuple((ended.stdout + ended.stderr).splitlines())
        raise apt.failure(watched.Ended(ended.status, said), apt.listed(packages))
    return read_uris(ended.stdout)


def unpacked_size(archive: apt.Archive, debs: Sequence[Deb]) -> int:
    """Returns the bytes that the packages take on a disk, as the archive says."""
    shown = archive.ask("apt-cache", "show", "--no-all-versions", *(deb.name for deb in debs)) if debs else ""
    return 1024 * sum(int(size) for size in re.findall(r"^Installed-Size: (\d+)$", shown, re.MULTILINE))


def download(archive: apt.Archive, debs: Sequence[Deb], place: Path) -> None:
    """Fetches the packages' files into place; raises BootwrightError unless each is what apt's lists mean."""
    if not debs:
        return
    options = [*apt.OPTIONS, "-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1"]
    names = [deb.name for deb in debs]
    argv = ["/bin/sh", "-c", 'cd "$0" && exec "$@" 3>&1', str(place), "apt-get", *archive.config, "download"]
    ended = watched.watch([*argv, *options, *names], archive.environ, apt.apt_progress)
    if ended.status:
        raise apt.failure(ended, apt.listed(names), place)
    for deb in debs:
        file = place / deb.file
        if not file.is_file() or _digest(file) != deb.sha256:
            raise BootwrightError(
                f"{deb.file} is not what the archive's lists say: its SHA-256 is another one than {deb.sha256}",
                "start sconsw again; if it stays so, the archive or a proxy on the way to it is damaged",
            )


def _stanza(name: str) -> str:
    """Returns what dpkg's status file says of a package that is installed."""
    provides = f"Provides: {PROVIDED[name]}\n" if name in PROVIDED else ""
    return (
        f"Package: {name}\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\nVersion: 99:0\n"
        f"{provides}Maintainer: nobody\nDescription: is there\n\n"
    )


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
