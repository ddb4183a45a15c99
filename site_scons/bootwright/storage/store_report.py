"""`scons store`: what the per-user store holds, and its pruning."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import TextIO

from bootwright.base.errors import BootwrightError
from bootwright.base.folding import fit
from bootwright.base.sizes import MIB
from bootwright.storage.store import Entry, Store

DAY = 24 * 60 * 60
SHORT = 12  # hexadecimal digits of a key: enough to tell two apart
MANY = 10  # entries of a kind, as of the packages that a private program is made of


def report(store: Store, prune: str, out: TextIO, whole: bool = False) -> None:
    """Writes a line for each entry to out, but of a kind of which there are many one line for all.

    prune is PRUNE=: "", "all", or the days after which an entry goes; whole has each entry listed, with its whole key.
    """
    if prune:
        removed = _prune(store, prune)
        out.write(f"removed from {store.root}: {_count(removed)}\n")
    entries = store.entries()
    rows = [(entry.kind, entry.key if whole else entry.key[:SHORT], [entry], entry.description) for entry in entries]
    many = [] if whole else [kind for kind, count in Counter(entry.kind for entry in entries).items() if count > MANY]
    rows = [row for row in rows if row[0] not in many]
    for kind in many:
        of_kind = [entry for entry in entries if entry.kind == kind]
        rows.append((kind, f"{len(of_kind)} entries", of_kind, "--verbose lists each"))
    wide, key = (max((len(str(row[i])) for row in rows), default=0) for i in (0, 1))
    lines = [f"{store.root}: {_count(entries)}"]
    for kind, name, those, description in rows:
        used, size = _used(max(entry.last_used for entry in those)), sum(entry.size for entry in those) / MIB
        lines.append(f"  {kind:<{wide}}  {name:<{key}} {size:7.1f} MiB  {used:<11}  {description}".rstrip())
    out.write(fit("\n".join(lines), out) + "\n")


def _used(when: float) -> str:
    """Returns when something was used last."""
    days = max(0, int((time.time() - when) // DAY))
    return "today" if days == 0 else f"{days} day{'s' if days > 1 else ''} ago"


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
