"""The shared cache against a real server on loopback: what is put comes back, and nothing else ever does."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cache_server import CERTIFICATE, USER, CacheServer

from bootwright.base.errors import BootwrightError
from bootwright.storage import action_result, packed, places, shared_cache
from bootwright.storage.action_result import Promise
from bootwright.storage.places import DirectoryPlace, open_place
from bootwright.storage.shared_cache import Cache
from bootwright.storage.store import Store

FILES = {"lib/libcore.rlib": b"core " * 40_000, "description": b"core of a target\n", "empty": b""}


def entry(place: Path) -> Path:
    for name, data in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    (place / "description").chmod(0o755)
    return place


def contents(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def cache_at(word: str, tmp_path: Path, told: list[str] | None = None, writes: bool = False) -> Cache:
    credentials = tmp_path / "credentials"
    credentials.write_text(f"{USER}\n")
    credentials.chmod(0o600)
    server = "://" in word
    authority = CERTIFICATE if word.startswith("https") else None
    place = open_place(word, tmp_path, authority, credentials if writes and server else None)
    return Cache(place, writes, (told if told is not None else []).append)


def put(word: str, tmp_path: Path) -> None:
    """Puts FILES as the entry unit ab, and a small one more."""
    cache = cache_at(word, tmp_path, writes=True)
    cache.offer("unit", "ab", entry(tmp_path / "made"))
    cache.offer("unit", "cd", entry(tmp_path / "made"), ["description"])
    assert "sent" in cache.finish()


@pytest.mark.parametrize("kind", ["http", "https", "directory"])
def test_what_was_put_comes_back_with_its_rights(tmp_path: Path, kind: str) -> None:
    with CacheServer(tls=kind == "https", locked=True) as server:
        word = server.url if kind != "directory" else str(tmp_path / "shared")
        put(word, tmp_path)
        told: list[str] = []
        cache = cache_at(word, tmp_path, told)
        into = tmp_path / "into"
        into.mkdir()
        assert cache.has("unit", "ab")
        assert cache.fetch("unit", "ab", into)
        assert contents(into) == FILES
        assert (into / "description").stat().st_mode & 0o100
        assert not (into / "empty").stat().st_mode & 0o111
        assert not cache.fetch("unit", "ef", tmp_path / "nothing")
        assert told == []


def test_the_bytes_are_there_before_what_promises_them(tmp_path: Path) -> None:
    with CacheServer() as server:
        put(server.url, tmp_path)
        puts = [line.split("/")[2] for line in server.asked if line.startswith("PUT")]
        assert sorted(puts) == ["ac", "ac", "cas", "cas"]
        for name in server.names("ac"):
            promise = action_result.decode(server.held[name])
            assert server.asked.index(f"PUT /team/cas/{promise.sha256}") < server.asked.index(f"PUT {name}")


DAMAGED = {
    "a poisoned blob": "gave other bytes than it promised of libk; they are not used",
    "a poisoned promise": "holds no ActionResult of ours",
    "no promise": "holds no ActionResult of ours",
    "a huge promise": "holds no ActionResult of ours",
    "a wrong size": "gave other bytes than it promised of libk",
    "a blob that is gone": "does not hold what it promises of libk",
}
GONE = {
    "a cut answer": "ended in the middle of an answer",
    "a longer answer": "sends more than",
    "500": "answers 500 Internal Server Error",
    "a stall": "says nothing for 0 s",
    "a trickle": "is too slow",
    "a server that is killed": "ended in the middle of an answer",
}


@pytest.mark.parametrize("fault", [*DAMAGED, *GONE])
def test_what_a_server_does_wrong_is_one_line_and_nothing_of_it_is_used(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CacheServer() as server:
        put(server.url, tmp_path)
        server.fault = fault
        server.asked.clear()
        if fault == "a stall":
            monkeypatch.setattr(places, "SILENT_SECONDS", 0.3)
        if fault == "a trickle":
            monkeypatch.setattr(places, "SLOW_SECONDS", 0.3)
        told: list[str] = []
        cache = cache_at(server.url, tmp_path, told)
        for key in ("ab", "ab", "cd"):
            into = tmp_path / f"into-{len(server.asked)}-{key}"
            into.mkdir(exist_ok=True)
            assert not cache.fetch("unit", key, into, "libk")
            assert contents(into) == {}
        words = DAMAGED.get(fault) or GONE[fault]
        assert all(line.startswith(f"the cache at {server.url} ") for line in told)
        assert words in told[0]
        if fault in GONE:
            assert len(told) == 1
            assert told[0].endswith("; the build goes on without it")
            assert len(server.asked) <= 3, "a server that fails is left alone"
        else:
            assert len(told) == 2  # a line for each entry


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with CacheServer() as server:
        word = server.url
    told: list[str] = []
    cache = cache_at(word, tmp_path, told)
    assert not cache.has("unit", "ab")
    assert not cache.has("unit", "cd")
    assert told == [f"the cache at {word} does not answer (Connection refused); the build goes on without it"]


@pytest.mark.parametrize(
    ("fault", "locked", "words"),
    [("a full disk", False, "answers 507"), ("", True, "answers 401 Unauthorized")],
    ids=["full", "no right"],
)
def test_a_server_that_takes_nothing_is_one_line_and_is_still_read(
    tmp_path: Path, fault: str, locked: bool, words: str
) -> None:
    with CacheServer() as server:
        put(server.url, tmp_path)
        server.fault, server.locked = fault, locked
        told: list[str] = []
        cache = Cache(open_place(server.url, tmp_path, None, None), True, told.append)
        for key in ("1", "2", "3"):
            cache.offer("unit", key, tmp_path / "made")
        cache.finish()
        assert len(told) == 1
        assert words in told[0]
        assert told[0].endswith("; nothing more is put there")
        into = tmp_path / "into"
        into.mkdir()
        assert cache.fetch("unit", "ab", into)


def test_a_certificate_that_nobody_trusts_is_told(tmp_path: Path) -> None:
    with CacheServer(tls=True) as server:
        told: list[str] = []
        cache = Cache(open_place(server.url, tmp_path, None, None), False, told.append)
        assert not cache.has("unit", "ab")
        assert "its certificate is not trusted: self-signed certificate" in told[0].replace(
            "self signed", "self-signed"
        )


# A dictionary of 64 MiB, which whoever unpacks would have to make room for.
GREEDY = {"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 26}


def hostile(*members: tuple[str, bytes, bytes], more: bytes = b"", packing: dict[str, int] = packed.FILTER) -> bytes:
    """Returns an entry with members as (name, contents, type), and more behind them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), kind
            info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            archive.addfile(info, io.BytesIO(data))
    return lzma.compress(out.getvalue() + more, filters=[packing])


@pytest.mark.parametrize(
    "blob",
    [
        hostile(("a", b"first", tarfile.REGTYPE), ("../outside", b"x", tarfile.REGTYPE)),
        hostile(("/outside", b"x", tarfile.REGTYPE)),
        hostile(("link", b"", tarfile.SYMTYPE)),
        hostile(("link", b"", tarfile.LNKTYPE)),
        hostile(("pipe", b"", tarfile.FIFOTYPE)),
        hostile(("a", b"1", tarfile.REGTYPE), ("a", b"2", tarfile.REGTYPE)),
        hostile(("a", b"x" * 70_000, tarfile.REGTYPE)),
        lzma.compress(b"no archive at all" * 100),
        b"no xz at all",
        hostile(("a", b"x" * 9_000, tarfile.REGTYPE))[:-20],
        hostile(("a", b"x" * 9_000, tarfile.REGTYPE))[:60],
        hostile(("a", b"x", tarfile.REGTYPE), more=bytes(50_000)),
        hostile(("a", b"x", tarfile.REGTYPE), packing=GREEDY),
    ],
    ids=[
        "up",
        "absolute",
        "symlink",
        "hard link",
        "FIFO",
        "twice",
        "too large",
        "no tar",
        "no xz",
        "cut at its end",
        "cut",
        "longer",
        "greedy",
    ],
)
def test_an_entry_that_somebody_made_up_leaves_nothing(
    tmp_path: Path, blob: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "CONTENT_LIMIT", 50_000)
    with CacheServer() as server:
        put(server.url, tmp_path)
        digest = hashlib.sha256(blob).hexdigest()
        server.held[f"/team/cas/{digest}"] = blob
        for name in server.names("ac"):
            server.held[name] = action_result.encode(Promise(shared_cache.NAME, digest, len(blob)))
        told: list[str] = []
        into = tmp_path / "deep" / "into"
        into.mkdir(parents=True)
        assert not cache_at(server.url, tmp_path, told).fetch("unit", "ab", into, "libk")
        assert list(into.rglob("*")) == []
        assert list((tmp_path / "deep").iterdir()) == [into]
        assert "they are not used" in told[0]


def test_the_store_takes_from_the_cache_and_gives_to_it(tmp_path: Path) -> None:
    built: list[str] = []

    def store(name: str, writes: bool) -> tuple[Store, Cache]:
        cache = Cache(DirectoryPlace(tmp_path / "shared", is_made=True), writes, lambda line: None)
        return Store(tmp_path / name, cache), cache

    def build(out: Path) -> None:
        built.append("built")
        entry(out)

    def take(name: str, writes: bool) -> tuple[dict[str, bytes], str]:
        here, cache = store(name, writes)
        found = contents(here.take_or_build("unit", "ab", build))
        found.pop("digests")
        return found, cache.finish()

    assert take("first", False) == (FILES, "cache: 0 from it, 1 made here")
    # Who may write gives what the store has already.
    assert "sent" in take("first", True)[1]
    assert take("first", True)[1] == ""
    found, line = take("second", False)
    assert (found, len(built)) == (FILES, 1)
    assert line.startswith("cache: 1 from it, 0 made here; 0.0 MB received")


def test_a_directory_that_is_not_there_is_told_but_where_it_is_made(tmp_path: Path) -> None:
    for writes, lines in (
        (False, [f"the cache at {tmp_path}/shared is not there; the build goes on without it"]),
        (True, []),
    ):
        told: list[str] = []
        cache = Cache(open_place("shared", tmp_path, None, None, writes), writes, told.append)
        assert not cache.has("unit", "ab") and not cache.has("unit", "cd")
        cache.finish()
        assert told == lines


def test_what_another_made_while_one_waited_is_given_too(tmp_path: Path) -> None:
    """The other has no cache."""

    def fill(out: Path) -> None:
        entry(out)

    cache = Cache(DirectoryPlace(tmp_path / "shared", is_made=True), True, lambda line: None)
    store = Store(tmp_path / "store", cache)
    other = Store(tmp_path / "store")
    has = store.has

    def look(kind: str, key: str) -> bool:
        other.take_or_build(kind, key, fill)  # just after this one looked
        return False

    store.has = look  # type: ignore[method-assign]
    store.take_or_build("unit", "ab", lambda out: None)
    assert has("unit", "ab")
    cache.finish()
    assert (tmp_path / "shared" / "ac").is_dir()
    assert cache.sent == 1


def test_a_directory_in_which_somebody_put_a_FIFO_is_one_line(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    put(str(shared), tmp_path)
    for path in (shared / "cas").iterdir():
        path.unlink()
        os.mkfifo(path)
    told: list[str] = []
    cache = cache_at(str(shared), tmp_path, told)
    into = tmp_path / "into"
    into.mkdir()
    assert not cache.fetch("unit", "ab", into)
    assert len(told) == 1
    assert "is a FIFO, no regular file; the build goes on without it" in told[0]


def test_a_damaged_entry_of_a_cache_is_mended_by_who_may_write(tmp_path: Path) -> None:
    with CacheServer() as server:
        put(server.url, tmp_path)
        for name in server.names("cas"):
            server.held[name] = server.held[name][:-1] + b"?"
        told: list[str] = []
        cache = cache_at(server.url, tmp_path, told, writes=True)
        into = tmp_path / "into"
        into.mkdir()
        assert not cache.fetch("unit", "ab", into, "libk")
        cache.offer("unit", "ab", entry(into))
        cache.finish()
        again = tmp_path / "again"
        again.mkdir()
        assert cache_at(server.url, tmp_path).fetch("unit", "ab", again)
        assert contents(again) == FILES


def refused(tmp_path: Path) -> dict[str, tuple[Callable[[], object], str]]:
    secret = tmp_path / "secret"
    secret.write_text("user:password")
    secret.chmod(0o600)
    open_to_all = tmp_path / "open"
    open_to_all.write_text("user:password")
    open_to_all.chmod(0o644)
    two = tmp_path / "two"
    two.write_text("a:b\nc:d\n")
    two.chmod(0o600)
    gone = tmp_path / "gone"
    return {
        "scheme": (lambda: open_place("ftp://a/b", tmp_path, None, None), "is no address of a server"),
        "no host": (lambda: open_place("https:///b", tmp_path, None, None), "is no address of a server"),
        "port": (lambda: open_place("https://a:b/", tmp_path, None, None), "is no address of a server"),
        "password": (lambda: open_place("https://me:pw@a/b", tmp_path, None, None), "which a log would show"),
        "in the clear": (lambda: open_place("http://a/b", tmp_path, None, secret), "would get the credentials"),
        "readable": (lambda: open_place("https://a/b", tmp_path, None, open_to_all), "others may read it"),
        "two lines": (lambda: open_place("https://a/b", tmp_path, None, two), "neither one line"),
        "gone": (lambda: open_place("https://a/b", tmp_path, None, gone), "there is no such file"),
        "no CA": (lambda: open_place("https://a/b", tmp_path, secret, None), "holds no certificates"),
        "CA of http": (lambda: open_place("http://a/b", tmp_path, CERTIFICATE, None), "is for https"),
        "CA of a directory": (lambda: open_place("shared", tmp_path, CERTIFICATE, None), "is for a server"),
        "a file": (lambda: open_place("secret", tmp_path, None, None), "is no directory"),
    }


@pytest.mark.parametrize(
    "case",
    ["scheme", "no host", "port", "password", "in the clear", "readable", "two lines", "gone", "no CA", "CA of http",
     "CA of a directory", "a file"],
)  # fmt: skip
def test_a_cache_that_cannot_be_used_so_is_a_sentence(tmp_path: Path, case: str) -> None:
    open_it, words = refused(tmp_path)[case]
    with pytest.raises(BootwrightError) as raised:
        open_it()
    assert words in str(raised.value)
    assert "pw" not in str(raised.value)
