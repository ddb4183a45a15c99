"""A cache that several machines share: entries of the store, and what was compiled of a person's own sources.

An entry is one file, a tar of regular files compressed as .xz. cas/SHA256 holds it, and ac/KEY says which it is, as
Bazel's remote caches have it. Each byte is hashed before anything is unpacked; what the place promises and does not
hold costs one line, and the build makes it. A place that does not answer, or answers wrongly, costs one line as well:
it is left alone for the rest of the run.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import queue
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bootwright.base.sizes import MIB
from bootwright.storage import action_result
from bootwright.storage.action_result import Promise
from bootwright.storage.packed import NAMES_ARE_BAD, empty, files_of, pack, unpack
from bootwright.storage.places import Place, PlaceError

FORMAT = "bootwright entry 2"
NAME = "entry.tar.xz"
PROMISE_LIMIT = 64 * 1024
ENTRY_LIMIT = 512 * MIB
SENDERS = 3
FACTS = "facts"
IN_MEMORY = 4 * MIB


class Cache:
    """The cache at a place, for one run: writes says whether what is made here is put there."""

    def __init__(self, place: Place, writes: bool, tell: Callable[[str], None], explains: bool = False) -> None:
        self.explains = explains
        self.hits = self.misses = self.sent = self.received = self.bytes_sent = 0
        self._place = place
        self.writes = writes
        self._tell = tell
        self._reads = True
        self._lock = threading.Lock()
        self._promises: dict[str, Promise | None] = {}
        self._damaged: set[str] = set()
        self._offered: set[str] = set()
        self._to_send: queue.Queue[Callable[[], None]] = queue.Queue()
        self._senders: list[threading.Thread] = []

    def has(self, kind: str, key: str) -> bool:
        """Says whether the place promises an entry; whether it keeps that is seen when it is fetched."""
        return self._promise(_address(kind, key)) is not None

    def fetch(self, kind: str, key: str, into: Path, what: str = "") -> bool:
        """Unpacks an entry into an empty directory; False where there is none, and nothing is in it then.

        what is the entry in sentences.
        """
        address = _address(kind, key)
        promise = self._promise(address)
        if promise is None:
            return False
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as blob:
            try:
                if not self._receive(promise, blob):
                    self._is_damaged(address, f"does not hold what it promises of {what or kind}")
                    return False
                self.received += promise.size
                blob.seek(0)
                unpack(blob, into)
            except PlaceError as error:
                self._fails(error)
                return False
            except (ValueError, OSError, tarfile.TarError, lzma.LZMAError, EOFError) as error:
                if isinstance(error, OSError) and error.errno not in (None, *NAMES_ARE_BAD):
                    raise  # this machine's disk
                empty(into)
                self._is_damaged(address, f"gave other bytes than it promised of {what or kind}; they are not used")
                return False
        return True

    def offer(self, kind: str, key: str, directory: Path, names: Iterable[str] | None = None) -> None:
        """Has an entry sent while the build goes on: all files below directory, or those of names."""
        if not self.writes:
            return
        blob = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # closed where it was sent
        try:
            pack(directory, names, blob)
        except ValueError:  # it holds what an entry of a cache cannot
            blob.close()
            return
        self._offered.add(_address(kind, key))
        self._send(_address(kind, key), blob)

    def complete(self, kind: str, key: str, directory: Path, is_part: Callable[[str], bool]) -> None:
        """Has an entry that is here already sent where the place has it not, but for names that is_part refuses."""
        if self.writes and _address(kind, key) not in self._offered and not self.has(kind, key):
            self.offer(kind, key, directory, filter(is_part, files_of(directory)))

    def note(self, name: str, facts: Mapping[str, object]) -> None:
        """Keeps what a key was made of, for whoever asks why theirs is another."""
        if self.writes:
            blob = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
            blob.write(json.dumps(facts, sort_keys=True).encode())
            self._send(_address(FACTS, name), blob)

    def noted(self, name: str) -> dict[str, object] | None:
        """Returns what note() kept last under that name; None where there is nothing of the kind."""
        promise = self._promise(_address(FACTS, name))
        blob = io.BytesIO()
        try:
            if promise and promise.size < ENTRY_LIMIT and self._receive(promise, blob):
                found = json.loads(blob.getvalue())
                return found if isinstance(found, dict) else None
        except PlaceError as error:
            self._fails(error)
        except ValueError:
            return None
        return None

    def counted(self, hit: bool) -> None:
        """Counts something that was to be made and was in the cache, or was not."""
        with self._lock:
            self.hits += hit
            self.misses += not hit

    def finish(self) -> str:
        """Waits for what is being sent; returns the line that sums up, "" where the cache was not asked."""
        self._to_send.join()
        if not (self.hits or self.misses or self.sent):
            return ""
        words = f"cache: {self.hits} from it, {self.misses} made here"
        if self.received:
            words += f"; {_megabytes(self.received)} received"
        return words + (f"; {_megabytes(self.bytes_sent)} sent" if self.bytes_sent else "")

    def _promise(self, address: str) -> Promise | None:
        with self._lock:
            if address in self._promises or not self._reads:
                return self._promises.get(address)
        message = io.BytesIO()
        found: Promise | None = None
        try:
            if self._place.read(f"ac/{address}", PROMISE_LIMIT, message.write):
                found = action_result.decode(message.getvalue())
                if found.path != NAME or found.size > ENTRY_LIMIT:
                    raise ValueError
        except PlaceError as error:
            self._fails(error)
        except ValueError:
            found = None
            self._is_damaged(address, f"holds no ActionResult of ours at ac/{address}; it is not used")
        with self._lock:
            return self._promises.setdefault(address, found)

    def _receive(self, promise: Promise, out: io.BytesIO | tempfile.SpooledTemporaryFile[bytes]) -> bool:
        """Writes what is promised to out; False where it is not there. Raises ValueError where it is something else."""
        digest = hashlib.sha256()

        def take(piece: bytes) -> None:
            digest.update(piece)
            out.write(piece)

        if not self._place.read(f"cas/{promise.sha256}", promise.size, take):
            return False
        if out.tell() != promise.size or digest.hexdigest() != promise.sha256:
            raise ValueError("other bytes")
        return True

    def _send(self, address: str, blob: tempfile.SpooledTemporaryFile[bytes]) -> None:
        def send() -> None:
            try:
                if self.writes:
                    self._put(address, blob)
            finally:
                blob.close()

        with self._lock:
            if len(self._senders) < SENDERS:
                sender = threading.Thread(target=self._work, daemon=True)
                self._senders.append(sender)
                sender.start()
        self._to_send.put(send)

    def _work(self) -> None:
        while True:
            send = self._to_send.get()
            try:
                send()
            except PlaceError as error:
                self._fails(error)
            except OSError as error:  # this machine's disk: the build itself will say so where it matters
                self._fails(PlaceError(f"gets nothing: {error.strerror or error}", only_writing=True))
            finally:
                self._to_send.task_done()

    def _put(self, address: str, blob: tempfile.SpooledTemporaryFile[bytes]) -> None:
        """Puts the bytes before what promises them, so that no reader finds a promise that is not kept."""
        size = blob.seek(0, os.SEEK_END)
        blob.seek(0)
        digest = hashlib.sha256()
        while piece := blob.read(MIB):
            digest.update(piece)
        promise = Promise(NAME, digest.hexdigest(), size)

        def whole() -> io.BytesIO:
            blob.seek(0)
            return io.BytesIO(blob.read())

        self._place.write(f"cas/{promise.sha256}", whole, size)
        message = action_result.encode(promise)
        self._place.write(f"ac/{address}", lambda: io.BytesIO(message), len(message))
        with self._lock:
            self.sent += 1
            self.bytes_sent += size

    def _is_damaged(self, address: str, words: str) -> None:
        with self._lock:
            self._promises[address] = None
            if address in self._damaged:
                return
            self._damaged.add(address)
        self._tell(f"the cache at {self._place.name} {words}")

    def _fails(self, error: PlaceError) -> None:
        """Leaves the cache alone from here on, for writing or altogether, and says so once."""
        with self._lock:
            told = not (self.writes if error.only_writing else self._reads)
            self.writes = False
            self._reads = self._reads and error.only_writing
        if not told:
            rest = "nothing more is put there" if error.only_writing else "the build goes on without it"
            self._tell(f"the cache at {self._place.name} {error}; {rest}")


def _address(kind: str, key: str) -> str:
    """Returns an entry's name below ac/, of the form that servers take: a SHA-256."""
    return hashlib.sha256(f"{FORMAT}\0{kind}\0{key}".encode()).hexdigest()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
