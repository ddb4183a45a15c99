"""A package of Debian's as files in a directory of a person's own, whose programs find their libraries there.

A program of a package looks for its libraries where the system keeps them. Here each gets a library search path of its
own, relative to where it lies: DT_RPATH, which holds for the libraries of its libraries too, and which no program that
it starts inherits, as an environment variable would be. (ld.so(8); patchelf writes it, which a linker cannot do later.)
"""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from bootwright.base import storage_space
from bootwright.base.errors import BootwrightError
from bootwright.setup.installer import DISK_FULL, Ended

TRIPLETS = {
    "amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "riscv64": "riscv64-linux-gnu",
    "ppc64el": "powerpc64le-linux-gnu", "s390x": "s390x-linux-gnu",
}  # fmt: skip
USELESS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/bug", "usr/share/info",
           "etc", "var")  # fmt: skip
SOURCES = ("./usr/lib/rustlib", "./usr/src/*/library")  # of the compiler's own sources, the library's
PT_INTERP = 3  # elf.h


def unpack(deb: Path, root: Path) -> None:
    """Unpacks what programs need of the package's files into root; raises BootwrightError where it cannot."""
    name = deb.name.partition("_")[0]
    chosen = ["--wildcards", *SOURCES] if name.startswith("rust-") and name.endswith("-src") else []
    without = [f"--exclude=./{place}" for place in USELESS]
    read = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    write = ["tar", "--extract", f"--directory={root}", "--no-same-owner", "--no-same-permissions", *without, *chosen]
    with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as package:
        written = subprocess.run(write, stdin=package.stdout, capture_output=True, text=True, errors="replace")
        assert package.stdout is not None and package.stderr is not None
        package.stdout.close()
        said = package.stderr.read().decode(errors="replace")
    if package.returncode or written.returncode:
        lines = tuple((said + written.stderr).splitlines())
        raise failure(Ended(package.returncode or written.returncode, lines), f"{deb.name} cannot be unpacked", root)


def failure(ended: Ended, what: str, place: Path) -> BootwrightError:
    """Returns the sentence for something that failed in place, with its last words; of a full disk it says the disk."""
    if ended.said(DISK_FULL):
        return ended.error(storage_space.full(place, what), "free some, then start sconsw again")
    return ended.error(what, "start sconsw again; it goes on from there")


def keep_libraries_together(root: Path, architecture: str, patchelf: Path) -> None:
    """Gives the programs in root, and libraries that say where theirs are, a search path within the merged tree."""
    triplet = TRIPLETS.get(architecture, "")
    places = [
        place for place in (f"usr/lib/{triplet}", f"lib/{triplet}", "usr/lib", "lib") if triplet or "/lib/" not in place
    ]
    for path in sorted(elf_files(root)):
        old = subprocess.run([patchelf, "--print-rpath", path], capture_output=True, text=True)
        before = [word for word in old.stdout.strip().split(":") if word]
        if old.returncode or not (before or is_program(path)):
            continue  # it is linked statically, or found by what loads it
        here = path.parent.relative_to(root)
        words = [_relative(word, here) for word in before] + [_relative(f"/{place}", here) for place in places]
        argv = [str(patchelf), "--force-rpath", "--set-rpath", ":".join(dict.fromkeys(words)), str(path)]
        run = subprocess.run(argv, capture_output=True, text=True)
        if run.returncode:
            raise failure(Ended(run.returncode, tuple(run.stderr.splitlines())), f"{path} cannot be changed", root)


def _relative(word: str, here: Path) -> str:
    """Returns a search path's absolute directory as one relative to the file in the directory here of the tree."""
    return f"$ORIGIN/{os.path.relpath(word, Path('/', here))}" if word.startswith("/") else word


def elf_files(root: Path) -> Iterator[Path]:
    """Yields the ELF files below root."""
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            if not path.is_symlink() and path.is_file():
                with path.open("rb") as stream:
                    if stream.read(4) == b"\x7fELF":
                        yield path


def is_program(path: Path) -> bool:
    """Tells whether an ELF file asks for a dynamic loader (PT_INTERP), as programs do."""
    with path.open("rb") as stream:
        ident = stream.read(64)
        if len(ident) < 64 or ident[4] != 2 or ident[5] != 1:  # 64 bits, little-endian
            return False
        offset, size, count = struct.unpack_from("<Q", ident, 32)[0], *struct.unpack_from("<HH", ident, 54)
        stream.seek(offset)
        headers = stream.read(size * count)
    return any(struct.unpack_from("<I", headers, at)[0] == PT_INTERP for at in range(0, len(headers) - 3, size or 1))


def merge(sources: Sequence[Path], root: Path) -> None:
    """Makes root hold the files of all sources, as hard links; of two with one name the first stays."""
    for source in sources:
        for directory, names, files in os.walk(source):
            place = root / Path(directory).relative_to(source)
            place.mkdir(parents=True, exist_ok=True)
            for name in (*files, *(n for n in names if Path(directory, n).is_symlink())):
                target = place / name
                if not target.is_symlink() and not target.exists():
                    os.link(Path(directory, name), target, follow_symlinks=False)
