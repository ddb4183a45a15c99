"""`scons store`: what the per-user store holds, and its pruning."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TextIO

from bootwright.base.errors import BootwrightError
from bootwright.base.sizes import MIB
from bootwright.storage.store import Entry, Store

DAY = 24 * 60 * 60


def report(store: Store, prune: str, out: TextIO) -> None:
    """Writes a line for each entry to out; prune is PRUNE=: "", "all", or the days after which an entry goes."""
    if prune:
        removed = _prune(store, prune)
        out.write(f"removed from {store.root}: {_count(removed)}\n")
    entries = store.entries()
    out.write(f"{store.root}: {_count(entries)}\n")
    for entry in entries:
        days = max(0, int((time.time() - entry.last_used) // DAY))
        used = "today" if days == 0 else f"{days} day{'s' if days > 1 else ''} ago"
        out.write(f"  {entry.kind:<8} {entry.key}  {entry.size / MIB:7.1f} MiB  used {used:<12} {entry.description}\n")


def check(store: Store, out: TextIO) -> int:
    """Hashes all that the store holds, with a line for each entry; returns how many are not as they were stored."""
    bad = 0
    for entry, damage in store.check():
        bad += bool(damage)
        out.write(f"  {entry.kind:<8} {entry.key}  {damage or 'is what was stored'}\n")
    words = f"{bad} of them not as stored, and made again when they are wanted" if bad else "each is what was stored"
    out.write(f"{store.root}: {_count(store.entries())}; {words}\n")
    return bad


def _prune(store: Store, prune: str) -> list[Entry]:
    if prune == "all":
        return store.prune(everything=True)
    try:
        days = float(prune)
        if not 0 <= days < float("inf"):
            raise ValueError
    except ValueError:
        raise BootwrightError(f"PRUNE={prune} is neither all nor a number of days") from None
    return store.prune(unused_for=days * DAY)


def _count(entries: Iterable[Entry]) -> str:
    listed = list(entries)
    size = sum(entry.size for entry in listed) / MIB
    return f"{len(listed)} entr{'y' if len(listed) == 1 else 'ies'}, {size:.1f} MiB"
