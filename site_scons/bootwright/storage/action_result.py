"""Bazel's ActionResult, as far as a cache of whole entries needs it: one output file, its SHA-256 and its size.

The message is build.bazel.remote.execution.v2.ActionResult of the Remote Execution API, in protobuf's encoding: a
field is a tag (number << 3 | wire type) and a value. Servers such as bazel-remote parse what is put, and refuse others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootwright.base.records import record

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
OUTPUT_FILES = 2  # of ActionResult
PATH, DIGEST = 1, 2  # of OutputFile
HASH, SIZE = 1, 2  # of Digest


@record(frozen=True)
class Promise:
    """What an ActionResult says: the file's path, its SHA-256 in hexadecimal, its size in bytes."""

    path: str
    sha256: str
    size: int


def encode(promise: Promise) -> bytes:
    """Returns the message."""
    digest = _bytes(HASH, promise.sha256.encode()) + _varint(SIZE << 3 | VARINT) + _varint(promise.size)
    return _bytes(OUTPUT_FILES, _bytes(PATH, promise.path.encode()) + _bytes(DIGEST, digest))


def decode(message: bytes) -> Promise:
    """Returns what a message promises; raises ValueError where it is none of one file."""
    files = [value for number, value in _fields(message) if number == OUTPUT_FILES and isinstance(value, bytes)]
    if len(files) != 1:
        raise ValueError(f"{len(files)} output files")
    file = dict(_fields(files[0]))
    path, digest = file.get(PATH), file.get(DIGEST)
    if not isinstance(path, bytes) or not isinstance(digest, bytes):
        raise ValueError("no output file")
    facts = dict(_fields(digest))
    sha256, size = facts.get(HASH), facts.get(SIZE, 0)
    if not isinstance(sha256, bytes) or not isinstance(size, int) or not re.fullmatch(rb"[0-9a-f]{64}", sha256):
        raise ValueError("no digest")
    return Promise(path.decode(), sha256.decode(), size)


def _varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found += bytes([0x80 | value & 0x7F])
        value >>= 7
    return found + bytes([value])


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(value)) + value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yields number and value of each field; raises ValueError where the message is cut or of another encoding."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = 0
        for shift in range(0, 70, 7):
            if at >= len(message):
                break
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("no number")

    while at < len(message):
        tag = varint()
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            yield number, varint()
            continue
        length = {FIXED64: 8, FIXED32: 4}.get(wire)
        if length is None:
            if wire != BYTES:
                raise ValueError(f"wire type {wire}")
            length = varint()
        if at + length > len(message):
            raise ValueError("cut")
        yield number, message[at : at + length]
        at += length
