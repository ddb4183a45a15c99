"""A small archive of Debian packages on this machine's disk, with a dpkg status of its own; nothing is installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from bootwright.setup import private_programs, unpacking
from bootwright.setup.apt import Archive
from bootwright.setup.private_programs import PrivatePrograms
from bootwright.storage.store import Store

LIBRARY = 'const char *greeting(void) { return "Hello from the library"; }\n'
GREETER = """
#include <stdio.h>
#include <stdlib.h>
const char *greeting(void);
int main(void) { puts(greeting()); fflush(stdout); return system("env"); }
"""
# greet-utils, installed from elsewhere, breaks greet-common, which greeter wants: as qemu-utils does with QEMU.
STATUS = """Package: greet-utils
Status: install ok installed
Architecture: all
Version: 10
Breaks: greet-common (<< 9)
Maintainer: somebody else
Description: is here from elsewhere

Package: libc6
Status: install ok installed
Architecture: {architecture}
Multi-Arch: same
Version: 99
Maintainer: nobody
Description: is here

"""


class SmallArchive:
    """The packages greeter (which needs greet-common and libgreet1), waver and the real patchelf."""

    def __init__(self, root: Path, patchelf: Path) -> None:
        self.root = root
        self.pool = root / "pool"
        self.pool.mkdir(parents=True)
        self.system = private_programs.this_system()
        architecture = self.system.rpartition("_")[2]
        triplet = unpacking.TRIPLETS[architecture]
        files = root / "files"
        library = files / "libgreet1" / "usr/lib" / triplet / "libgreet.so.1"
        program = files / "greeter" / "usr/bin" / "greeter"
        for path in (library, program):
            path.parent.mkdir(parents=True)
        (root / "library.c").write_text(LIBRARY)
        (root / "greeter.c").write_text(GREETER)
        shared = ["-shared", "-Wl,-soname,libgreet.so.1", "-o", str(library)]
        subprocess.run(["cc", *shared, str(root / "library.c")], check=True)
        subprocess.run(["cc", "-o", str(program), str(root / "greeter.c"), str(library)], check=True)
        (files / "greet-common").mkdir()
        waver = files / "waver" / "usr/bin" / "waver"
        waver.parent.mkdir(parents=True)
        waver.write_text("#!/bin/sh\necho waves\n")
        waver.chmod(0o755)
        copy = files / "patchelf" / "usr/bin"
        copy.mkdir(parents=True)
        shutil.copy(patchelf, copy)
        needs = {"greeter": "greet-common, libgreet1, libc6", "patchelf": "libc6"}
        self._index = ""
        for directory in sorted(files.iterdir()):
            self._pack(directory, architecture, needs.get(directory.name, ""))
        (self.pool / "Packages").write_text(self._index)
        digest = hashlib.sha256(self._index.encode()).hexdigest()
        date = "Date: Sun, 29 Nov 2026 00:00:00 UTC"
        (self.pool / "Release").write_text(f"{date}\nSHA256:\n {digest} {len(self._index)} Packages\n")
        (root / "sources.list").write_text(f"deb [trusted=yes] copy:{self.pool} ./\n")
        (root / "status").write_text(STATUS.format(architecture=architecture))
        for place in ("state/lists/partial", "cache/archives/partial"):
            (root / place).mkdir(parents=True)
        settings = {
            "Dir::Etc::SourceList": "sources.list", "Dir::Etc::SourceParts": "none", "Dir::State": "state",
            "Dir::State::Lists": "state/lists", "Dir::State::Status": "status", "Dir::Cache": "cache",
        }  # fmt: skip
        (root / "apt.conf").write_text("".join(f'{name} "{root / value}";\n' for name, value in settings.items()))
        self.environ = {**os.environ, "APT_CONFIG": str(root / "apt.conf")}
        self.told: list[str] = []

    def _pack(self, directory: Path, architecture: str, needs: str) -> None:
        depends = f"Depends: {needs}\n" if needs else ""
        control = (
            f"Package: {directory.name}\nVersion: 1\nArchitecture: {architecture}\nInstalled-Size: 40\n"
            f"Maintainer: nobody\n{depends}Description: {directory.name}\n"
        )
        (directory / "DEBIAN").mkdir()
        (directory / "DEBIAN" / "control").write_text(control)
        deb = self.pool / f"{directory.name}_1_{architecture}.deb"
        pack = ["dpkg-deb", "--root-owner-group", "--build", str(directory), str(deb)]
        subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)
        data = deb.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self._index += f"{control}Filename: ./{deb.name}\nSize: {len(data)}\nSHA256: {digest}\n\n"

    def programs(self, store: Path) -> PrivatePrograms:
        """Returns the private programs of a person whose store is there."""
        return PrivatePrograms(Store(store), self.system, self.environ, self.told.append)

    def deb(self, name: str) -> Path:
        """Returns a package's file."""
        return next(self.pool.glob(f"{name}_*.deb"))


def real_patchelf(place: Path) -> Path:
    """Returns the patchelf of this system's real archive, unpacked below place."""
    programs = PrivatePrograms(Store(place), private_programs.this_system(), os.environ, lambda line: None)
    return programs.fetch(programs.archive(), private_programs.PATCHELF) / "usr" / "bin" / "patchelf"


def installed(archive: SmallArchive) -> str:
    """Returns the dpkg status of the machine that the archive plays, which must never change."""
    return (archive.root / "status").read_text()


def ask(archive: SmallArchive) -> Archive:
    """Returns the archive as apt with the machine's own lists."""
    subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=", "update"], env=archive.environ, check=True)
    return Archive(archive.environ)
