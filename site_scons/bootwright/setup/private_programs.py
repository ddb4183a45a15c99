"""Programs of Debian's and Ubuntu's archive for one person, without root and without a change of the system.

    ROOT/programs/KEY/tree/           the packages' files, merged as the system would have them
    ROOT/programs/KEY/bin/            the programs that were asked for, as links; this directory goes to PATH's end
    ROOT/programs/KEY/packages.json   the system, what was asked for, and each package with its SHA-256
    ROOT/package/SHA256/              one package, unpacked; the files above are hard links to its own
    ROOT/apt/SYSTEM/                  lists of packages, where the system has none that are new enough

ROOT is the store, so `scons store` lists and prunes all of it. Which packages are needed, where they lie and what their
hashes are is apt's answer (debs.py). Nothing is ever installed, and so nothing removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple
from pathlib import Path

from bootwright.base import storage_space
from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import lock_file
from bootwright.setup import apt, debs, unpacking
from bootwright.setup import installer as watched
from bootwright.setup.debs import Deb
from bootwright.storage.store import DESCRIPTION, Store

PACKAGE, PROGRAMS, LISTS = "package", "programs", "apt"
RECORD = "packages.json"
RECIPE = "2"  # another way to unpack or to merge is another entry
ON_PATH = ("usr/bin", "usr/sbin", "bin", "sbin", "usr/lib/wine")
START = """#!/bin/sh
root=$(dirname "$(readlink -f "$0")")/../tree
"""
# The compiler driver, with the start files, libraries and linker of this tree.
CC = START + 'exec "$root/usr/bin/gcc" "--sysroot=$root" "-B$root/usr/bin/" "$@"\n'
# An emulator with its firmware and modules: Debian 13 builds it so that it does not look for them from where it lies.
EMULATOR = (
    START
    + """share="$root/usr/share"
export QEMU_MODULE_DIR="$root/usr/lib/{triplet}/qemu"
exec "$root/usr/bin/{name}" -L "$share/qemu" -L "$share/seabios" -L "$root/usr/lib/ipxe/qemu" "$@"
"""
)
RIGHTS = "it runs with root's rights, which only an installation gives"
NEVER = {"fuse3": RIGHTS, "sudo": RIGHTS, "xvfb": "it looks for its keyboard maps where an installation has them"}
# Whose installation starts them, on this machine and at each of its starts: tests want the program alone.
SERVERS = dict.fromkeys(("docker-registry", "nginx"), "an installation would start it as a server of this machine")
PATCHELF = "patchelf"  # the archive's own, unpacked like the others


def system_of(os_release: str, architecture: str) -> str:
    """Returns the release and architecture as a name, such as debian_12_amd64; os_release is /etc/os-release's text."""
    facts = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    release = facts.get("VERSION_ID") or facts.get("VERSION_CODENAME") or "rolling"
    return "_".join(re.sub(r"[^A-Za-z0-9.]", "", word) for word in (facts.get("ID", "linux"), release, architecture))


def this_system() -> str:
    """Returns system_of this machine."""
    try:
        os_release = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        os_release = ""
    asked = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True)
    return system_of(os_release, asked.stdout.strip())


def newest(store: Store, system: str) -> Path | None:
    """Returns the directory for PATH of the programs that were used last on such a system; None for none."""
    entries = sorted((store.root / PROGRAMS).glob("*"), key=lambda entry: -entry.stat().st_mtime)
    return next((entry / "bin" for entry in entries if read_record(entry).get("system") == system), None)


def read_record(entry: Path) -> dict[str, object]:
    """Returns what packages.json of an entry holds; nothing where it cannot be read."""
    try:
        record = json.loads((entry / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def is_private(path: Path) -> bool:
    """Tells whether a program is one of these."""
    return any((parent / RECORD).is_file() for parent in path.parents)


class PrivatePrograms:
    """The programs of one person on one system.

    own is the directory that the checkout has of them so far, "" for none: another checkout may have made a newer one,
    without what is there.
    """

    def __init__(
        self, store: Store, system: str, environ: Mapping[str, str], tell: Callable[[str], None], own: str = ""
    ) -> None:
        self._own = own
        self._store = store
        self._system = system
        self._environ = environ
        self._tell = tell
        self._place = store.root / LISTS / system
        self._lists = self._place / "state" / "lists"

    def archive(self) -> apt.Archive:
        """Returns an archive whose lists are new enough: the system's, else the person's own, fetched where need be.

        Raises BootwrightError where they cannot be fetched.
        """
        systems = apt.Archive(self._environ)
        if not apt.lists_are_stale(systems):
            return systems
        with self._locked():
            own = self._own_archive()
            if apt.lists_are_stale(own, self._lists):
                self._tell("apt-get update, into lists of this person's own, since the system's are missing or old")
                argv = [*apt.WITH_STATUS, "apt-get", *own.config, "update", *apt.OPTIONS]
                ended = watched.watch(argv, own.environ, apt.apt_progress)
                if ended.status:
                    raise apt.failure(ended, "the lists of packages", self._place)
        return own

    def install(self, archive: apt.Archive, packages: Sequence[str], names: Collection[str], why: str) -> Path:
        """Returns the directory of the programs of packages, beside those that came earlier.

        names are the programs that are wanted of them. Where something is to come, one line says why and how much.
        """
        before = {newest(self._store, self._system), Path(self._own) if self._own else None}
        old = [read_record(place.parent) for place in sorted(filter(None, before))]
        asked = list(dict.fromkeys([*(word for record in old for word in _words(record.get("asked"))), *packages]))
        wanted = sorted({*(word for record in old for word in _words(record.get("names"))), *names})
        needed = self._closure(archive, asked, wanted)
        facts = [RECIPE, self._system, asked, wanted, *(astuple(deb) for deb in needed)]
        key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        if not self._store.has(PROGRAMS, key):
            missing = [deb for deb in needed if not self._store.has(PACKAGE, deb.sha256)]
            self._announce(archive, packages, missing, why)
            patchelf = self.fetch(archive, PATCHELF) / "usr" / "bin" / PATCHELF

            def fill(entry: Path) -> None:
                debs.download(archive, missing, entry)
                self._merge(entry, needed, asked, wanted, patchelf)

            self._store.take_or_build(PROGRAMS, key, fill, self._tell)
        return self._store.path(PROGRAMS, key) / "bin"

    def fetch(self, archive: apt.Archive, package: str) -> Path:
        """Returns the directory with the files of one package, as they are and without what it depends on."""
        deb = debs.ask_uris(archive, "download", [package])[0]

        def fill(entry: Path) -> None:
            debs.download(archive, [deb], entry)
            self._unpack(entry / deb.file, entry, deb, None)
            (entry / deb.file).unlink()

        return self._store.take_or_build(PACKAGE, deb.sha256, fill, self._tell) / "tree"

    def _locked(self) -> AbstractContextManager[None]:
        place = self._store.root / "lock"
        place.mkdir(parents=True, exist_ok=True)
        return lock_file(
            place / f"{LISTS}-{self._system}", lambda: self._tell("waiting for the lists of another sconsw")
        )

    def _own_archive(self) -> apt.Archive:
        """Returns an archive that reads and writes lists of the person's own, and runs nobody's hooks."""
        (self._lists / "partial").mkdir(parents=True, exist_ok=True)
        (self._place / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success")
        settings = [f"#clear {hook};" for hook in hooks]
        settings += [f'Dir::State "{self._place}/state";', f'Dir::State::Lists "{self._lists}";']
        settings += [f'Dir::Cache "{self._place}/cache";', 'Debug::NoLocking "1";', 'APT::Sandbox::User "";']
        config = self._place / "apt.conf"
        config.write_text("".join(f"{line}\n" for line in settings), encoding="utf-8")
        (self._place / DESCRIPTION).write_text(f"lists of packages of {self._system}", encoding="utf-8")
        return apt.Archive(self._environ, config)

    def _closure(self, archive: apt.Archive, packages: Sequence[str], names: Collection[str]) -> list[Deb]:
        new = self._store.root / "new"
        new.mkdir(parents=True, exist_ok=True)
        # Named and locked as what the store makes, which removes what a killed process leaves.
        with self._locked(), tempfile.TemporaryDirectory(prefix=f"{LISTS}-{self._system}-", dir=new) as scratch:
            return debs.find_needed(archive, packages, names, Path(scratch))

    def _announce(self, archive: apt.Archive, packages: Sequence[str], missing: Sequence[Deb], why: str) -> None:
        unpacked = debs.unpacked_size(archive, missing)
        fetched, root = sum(deb.size for deb in missing), self._store.root
        come = "comes" if len(packages) == 1 else "come"
        count = f"{len(missing)} package{'s' if len(missing) != 1 else ''}"
        mega = storage_space.MEGABYTE
        self._tell(
            f"{apt.listed(packages)} {come} privately, since {why}: {count} into {root} "
            f"({fetched / mega:.0f} MB to fetch, {unpacked / mega:.0f} MB on the disk); the system stays as it is"
        )
        if storage_space.free(root) < fetched + unpacked:
            message = storage_space.full(root, f"{apt.listed(packages)} cannot come", fetched + unpacked)
            raise BootwrightError(message, "free some, or name another place with XDG_CACHE_HOME")
        if hasattr(os, "statvfs") and os.statvfs(storage_space.existing(root)).f_flag & os.ST_NOEXEC:
            raise BootwrightError(
                f"{root} is on a file system that is mounted noexec, so no program can be started from there",
                "the environment variable XDG_CACHE_HOME can name another place",
            )

    def _unpack(self, file: Path, entry: Path, deb: Deb, patchelf: Path | None) -> None:
        root = entry / "tree"
        root.mkdir()
        unpacking.unpack(file, root)
        if patchelf is not None and not deb.name.startswith("libc6"):
            unpacking.keep_libraries_together(root, self._system.rpartition("_")[2], patchelf)
        (entry / DESCRIPTION).write_text(f"{deb.file.removesuffix('.deb')} of {self._system}", encoding="utf-8")

    def _merge(
        self, entry: Path, needed: Sequence[Deb], asked: Sequence[str], names: Sequence[str], patchelf: Path
    ) -> None:
        """Fills the entry, into which the missing packages were fetched."""
        places = {}
        for number, deb in enumerate(needed, 1):
            file = entry / deb.file
            watched.show_progress(f"unpacking {number * 100 // len(needed):3} %  {deb.name}")

            def fill(package: Path, file: Path = file, deb: Deb = deb) -> None:
                if not file.exists():  # somebody removed it from the store just now
                    raise BootwrightError(f"{deb.name} went out of the store", "start sconsw again")
                self._unpack(file, package, deb, patchelf)

            places[deb.name] = self._store.take_or_build(PACKAGE, deb.sha256, fill) / "tree"
            file.unlink(missing_ok=True)
        watched.show_progress("")
        unpacking.merge(list(places.values()), entry / "tree")
        self._link_programs(entry, [places[name] for name in asked if name in places], names)
        record = {
            "system": self._system,
            "asked": asked,
            "names": names,
            "packages": {d.name: d.sha256 for d in needed},
        }
        (entry / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        (entry / DESCRIPTION).write_text(f"private programs of {self._system}: {' '.join(asked)}", encoding="utf-8")

    def _link_programs(self, entry: Path, packages: Iterable[Path], names: Collection[str]) -> None:
        links = entry / "bin"
        links.mkdir()
        for package in packages:
            for place in ON_PATH:
                for program in sorted((package / place).glob("*")):
                    if os.access(program, os.X_OK) or program.is_symlink():
                        link = links / program.name
                        link.unlink(missing_ok=True)
                        link.symlink_to(Path("..", "tree", place, program.name))
        scripts = dict.fromkeys(("cc", "gcc"), CC) if "cc" in names else {}
        triplet = unpacking.TRIPLETS.get(self._system.rpartition("_")[2], "")
        for link in links.glob("qemu-system-*"):
            scripts[link.name] = EMULATOR.format(triplet=triplet, name=link.name)
        for name, text in scripts.items():
            (links / name).unlink(missing_ok=True)
            (links / name).write_text(text, encoding="utf-8")
            (links / name).chmod(0o755)


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []
