"""What rustc keeps of a compilation for the next one of the same program (-C incremental), proven before it is used.

rustc keeps the objects of a crate's modules by what they were made of, the name of the directory for its products
included, and needs a third of the time. A program that is not optimised has the same bytes then as without; a library
has other metadata, and what is optimised other code (tried with rustc 1.96), so nothing is kept of these. rustc
believes whatever lies there: a digest of all of it is kept beside it, and what is not as rustc left it, or is another
compiler's, is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.base.filelock import try_lock
from bootwright.base.regular import read_bytes
from bootwright.cargo.units import Unit, codegen_option
from bootwright.rust.more import Room

if TYPE_CHECKING:
    from bootwright.storage.shared_cache import Cache

PLAIN = {"", "0"}  # values of -C opt-level
IS_WINDOWS = os.name == "nt"


@contextlib.contextmanager
def held_for(unit: Unit, room: Room, identity: str, cache: Cache | None) -> Iterator[Kept | None]:
    """Holds what is kept of unit; yields None where nothing is. identity says which compiler.

    Cargo's profile may keep nothing. Where what is made goes into cache, for other machines, it is made of its sources
    alone; and on Windows no lock tells that the compiler of a build that was killed still writes.
    """
    is_wanted = codegen_option(unit.argv, "incremental") and unit.is_program
    if not is_wanted or codegen_option(unit.argv, "opt-level") not in PLAIN or (cache and cache.writes) or IS_WINDOWS:
        yield None
        return
    with Kept(room.kept_of(unit), room.products_of(unit), identity).held() as kept:
        yield kept


class Kept:
    """What is kept in a directory, and where rustc is told to put things: state and products. key says which compiler.

    The compiler inherits lock, an open file: as long as one runs, nobody else takes the directory.
    """

    def __init__(self, directory: Path, products: Path, key: str) -> None:
        self.state = directory / "state"
        self.products = products
        self.lock = -1
        self.is_warm = False  # whether there is something that rustc may use
        self._directory = directory
        self._key = key
        self._proof = directory / "proof"

    @contextlib.contextmanager
    def held(self) -> Iterator[Kept | None]:
        """Holds the directory, without what is not as it was left; yields None where it is not to be had."""
        try:
            is_here = self._prepare()
        except OSError:
            is_here = False
        try:
            yield self if is_here else None
        finally:
            if self.lock >= 0:
                os.close(self.lock)
                self.lock = -1

    def _prepare(self) -> bool:
        """Takes the lock and makes the directories; returns False where another has it, or a link leads elsewhere."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if self._directory.is_symlink() or self._directory.parent.is_symlink():
            return False
        self.lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        if not try_lock(self.lock):
            return False
        self.is_warm = self._is_proven()
        if not self.is_warm:
            atomic.remove(self.state)
        atomic.remove(self.products)
        self.products.mkdir()
        self.state.mkdir(exist_ok=True)
        return True

    def _is_proven(self) -> bool:
        """Says whether state is as it was left."""
        try:
            return read_bytes(self._proof) == self._digest().encode()
        except (OSError, BootwrightError):
            return False

    def keep(self, scratch: Path) -> None:
        """Moves the products to scratch, and proves the state; where that cannot be written, nothing is kept."""
        for path in self.products.iterdir():
            path.replace(scratch / path.name)
        try:
            with atomic.new_file(self._proof) as path:
                path.write_text(self._digest(), encoding="ascii")
        except (OSError, BootwrightError):
            self.forget()

    def forget(self) -> None:
        """Removes what is kept."""
        self.is_warm = False
        with contextlib.suppress(OSError):
            atomic.remove(self._proof)
            atomic.remove(self.state)

    def _digest(self) -> str:
        """Returns the SHA-256 of the key and of all names and files in state, in hexadecimal.

        Raises BootwrightError for what rustc does not make: a link, or any other kind of file.
        """
        whole = hashlib.sha256(self._key.encode())
        _add(whole, self.state)
        return whole.hexdigest()


def _add(whole: hashlib._Hash, directory: Path | str) -> None:
    with os.scandir(directory) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        is_directory = entry.is_dir(follow_symlinks=False)
        if not is_directory and not entry.is_file(follow_symlinks=False):
            raise BootwrightError(f"{entry.path} is no regular file")
        size = 0 if is_directory else entry.stat(follow_symlinks=False).st_size
        whole.update(f"\0{entry.name}\0{'directory' if is_directory else size}\0".encode())
        if is_directory:
            _add(whole, entry.path)
            whole.update(b"end")
        else:
            with open(entry.path, "rb", buffering=0) as stream:  # noqa: PTH123  # of 150 files
                whole.update(stream.read())
