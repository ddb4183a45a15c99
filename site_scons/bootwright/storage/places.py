"""Where a shared cache lies: a directory, or a server that speaks Bazel's HTTP cache protocol (GET and PUT).

Both hold ac/KEY and cas/SHA256. What goes wrong is a PlaceError; a name that is not there is None.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import SplitResult, urlsplit

from bootwright.base import regular
from bootwright.base.errors import BootwrightError
from bootwright.base.regular import check_named, read_text

CONNECT_SECONDS = 5.0
SILENT_SECONDS = 8.0  # a server that sends nothing for so long has stalled
SLOW_SECONDS, SLOW_RATE = 15.0, 32 * 1024  # and one that after so long came to less than so many bytes a second
CHUNK = 256 * 1024
AGAIN = 2  # a connection that was kept may have been closed meanwhile
DONE = (200, 201, 202, 204)


class PlaceError(Exception):
    """The place does not do what it should, in words that follow its name; only_writing: it may still be read."""

    def __init__(self, words: str, only_writing: bool = False) -> None:
        super().__init__(words)
        self.only_writing = only_writing


Body = Callable[[], BinaryIO]  # opens what is to be sent, again where it is sent again


class Place(Protocol):
    """What a cache needs of the place that it lies in."""

    name: str

    def read(self, path: str, limit: int, take: Callable[[bytes], object]) -> bool:
        """Hands the bytes at path to take, piece by piece; False where there are none. Raises beyond limit bytes."""

    def write(self, path: str, body: Body, size: int) -> None:
        """Puts size bytes there, whole or not at all."""


class DirectoryPlace:
    """A directory, as on a file server; a file appears by renaming. is_made says that what is written makes it."""

    def __init__(self, root: Path, is_made: bool = False) -> None:
        self.name = str(root)
        self._root = root
        self._is_made = is_made

    def read(self, path: str, limit: int, take: Callable[[bytes], object]) -> bool:
        try:
            with regular.opened(self._root / path) as stream:
                return _pass_on(stream.read, limit, take)
        except FileNotFoundError as error:
            if not self._is_made and not self._root.is_dir():
                raise PlaceError("is not there") from error
            return False
        except BootwrightError as error:  # no regular file
            raise PlaceError(f"cannot be read: {error.message}") from error
        except OSError as error:
            raise PlaceError(f"cannot be read ({error.strerror or error})") from error

    def write(self, path: str, body: Body, size: int) -> None:
        target = self._root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".new-", dir=target.parent)
            try:
                with os.fdopen(descriptor, "wb") as out, body() as stream:
                    while piece := stream.read(CHUNK):
                        out.write(piece)
                Path(name).chmod(0o644)
                Path(name).replace(target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise PlaceError(f"cannot be written ({error.strerror or error})", only_writing=True) from error


class HttpPlace:
    """A server; header is what it gets beside each request, as (name, value). Each thread has a connection."""

    def __init__(self, url: str, authority: Path | None = None, header: tuple[str, str] | None = None) -> None:
        self.name = url
        self._url = urlsplit(url)
        self._header = dict([header] if header else [])
        self._context = _trusting(authority) if self._url.scheme == "https" else None
        self._local = threading.local()

    def read(self, path: str, limit: int, take: Callable[[bytes], object]) -> bool:
        with self._answer("GET", path) as answer:
            if answer.status == 404:
                answer.read(limit)
                return False
            if answer.status != 200:
                raise PlaceError(f"answers {answer.status} {answer.reason}".rstrip())
            length = answer.length
            got = 0

            def count(piece: bytes) -> None:
                nonlocal got
                got += len(piece)
                take(piece)

            _pass_on(answer.read1, limit, count)
            if length is not None and got != length:
                raise PlaceError(f"ended in the middle of an answer, after {got} bytes of {length}")
            return True

    def write(self, path: str, body: Body, size: int) -> None:
        with self._answer("PUT", path, body, size) as answer:
            answer.read(CHUNK)
            if answer.status not in DONE:
                raise PlaceError(f"answers {answer.status} {answer.reason} to what is sent", only_writing=True)

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, body: Body | None = None, size: int = 0
    ) -> Iterator[http.client.HTTPResponse]:
        """Yields the answer to one request; the connection is kept for the next one where it was read to its end."""
        try:
            answer = self._request(method, path, body, size)
            yield answer
            if not answer.isclosed():
                self._close()
        except PlaceError:
            self._close()
            raise
        except TimeoutError as error:
            self._close()
            raise PlaceError(f"says nothing for {SILENT_SECONDS:.0f} s") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._close()
            raise PlaceError(f"does not answer ({_reason(error)})") from error

    def _request(self, method: str, path: str, body: Body | None, size: int) -> http.client.HTTPResponse:
        headers = dict(self._header)
        if body:
            headers |= {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        where = f"{self._url.path.rstrip('/')}/{path}"
        for attempt in range(AGAIN):
            kept = getattr(self._local, "connection", None)
            connection = kept or self._connect()
            try:
                with contextlib.closing(body()) if body else contextlib.nullcontext() as stream:
                    connection.request(method, where, stream, headers)
                    return connection.getresponse()
            except (ConnectionError, http.client.RemoteDisconnected):
                self._close()
                if kept is None or attempt + 1 == AGAIN:
                    raise
        raise AssertionError

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        connection: http.client.HTTPConnection
        if self._context:
            connection = http.client.HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=self._context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(SILENT_SECONDS)
        self._local.connection = connection
        return connection

    def _close(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection:
            connection.close()


def _pass_on(read: Callable[[int], bytes], limit: int, take: Callable[[bytes], object]) -> bool:
    """Hands what read gives to take until it ends; raises where it is more than limit bytes, or comes too slowly."""
    start, got = time.monotonic(), 0
    while piece := read(CHUNK):
        got += len(piece)
        if got > limit:
            raise PlaceError(f"sends more than {limit} bytes where less was promised")
        take(piece)
        seconds = time.monotonic() - start
        if seconds > SLOW_SECONDS and got < seconds * SLOW_RATE:
            raise PlaceError(f"is too slow: {got} bytes in {seconds:.0f} s")
    return True


def _trusting(authority: Path | None) -> ssl.SSLContext:
    if authority is None:
        return ssl.create_default_context()
    text = _file(authority, "CACHE_CA")
    try:
        return ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise BootwrightError(f"CACHE_CA={authority} holds no certificates in PEM's form") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _file(path: Path, variable: str) -> str:
    check_named(path, variable)
    return read_text(path)


def read_credentials(path: Path) -> tuple[str, str]:
    """Returns the header that a file of credentials stands for: `user:password`, or a header as `Name: value`.

    Raises BootwrightError where it is neither, or others may read it.
    """
    lines = [line for line in _file(path, "CACHE_CREDENTIALS").splitlines() if line.strip()]
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise BootwrightError(f"CACHE_CREDENTIALS={path}: others may read it", f"chmod 600 {path}")
    name, colon, value = lines[0].partition(":") if len(lines) == 1 else ("", "", "")
    if not (name.strip() and colon and value.strip()):
        raise BootwrightError(
            f"CACHE_CREDENTIALS={path} is neither one line `user:password` nor a header `Name: value`"
        )
    if value.startswith(" "):
        return name.strip(), value.strip()
    return "Authorization", "Basic " + base64.b64encode(lines[0].strip().encode()).decode()


def open_place(
    word: str, launch: Path, authority: Path | None, credentials: Path | None, writes: bool = False
) -> Place:
    """Returns the place that CACHE= names, and to which one writes or not: a URL, or a directory seen from launch.

    Raises BootwrightError for another scheme, and for credentials that would go over a network in the clear.
    """
    if "://" not in word:
        directory = Path(launch, word).resolve()
        if directory.exists() and not directory.is_dir():
            raise BootwrightError(f"CACHE={word} is no directory")
        for name, path in (("CACHE_CA", authority), ("CACHE_CREDENTIALS", credentials)):
            if path:
                raise BootwrightError(f"{name}={path} is for a server, and CACHE={word} is a directory")
        return DirectoryPlace(directory, is_made=writes)
    url = urlsplit(word)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or not _has_port(url):
        raise BootwrightError(f"CACHE={word} is no address of a server", "it is https://HOST[:PORT]/PATH")
    if url.username or url.password:
        raise BootwrightError(
            f"CACHE={url.scheme}://...@{url.hostname} holds credentials, which a log would show",
            "write them to a file, and name it: CACHE_CREDENTIALS=FILE",
        )
    if url.scheme == "http":
        if authority:
            raise BootwrightError(f"CACHE_CA={authority} is for https, and CACHE={word} is not")
        if credentials and not _is_loopback(url.hostname):
            raise BootwrightError(f"CACHE={word} would get the credentials unencrypted", "use https://")
    return HttpPlace(word, authority, read_credentials(credentials) if credentials else None)


def _has_port(url: SplitResult) -> bool:
    try:
        return url.port is None or url.port > 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
