"""What to say of a disk that is full: which one, what it has left and what was wanted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

MEGABYTE = 1_000_000
LEAST = 1 << 16  # bytes; with less no program writes anything to speak of
# As Unix, Rust and Windows word it; a quota is a disk that is full for one person.
FULL = re.compile(r"No space left on device|Disk quota exceeded|os error (28|112|122)\b|not enough space on the disk")


def existing(place: Path) -> Path:
    """Returns place, or the nearest directory above it that exists."""
    return next(path for path in (place, *place.parents) if path.exists())


def free(place: Path) -> int:
    """Returns the bytes that the disk of place has left for this person."""
    return shutil.disk_usage(existing(place)).free


def full(place: Path, what: str, needed: int | None = None) -> str:
    """Returns the message for a disk without room; needed is in bytes. What was begun on it may be gone again."""
    room = free(place)
    left = f"the disk of {place} has {room / MEGABYTE:.0f} MB left"
    too_little = ", which was too little" if room >= MEGABYTE else ""
    wants = f"; {needed / MEGABYTE:.0f} MB are needed" if needed else too_little
    return f"{what}: {left}{wants}"


def is_full(said: str, place: Path) -> bool:
    """Says whether a program that failed, and said that, had no room on the disk of place; some die without a word."""
    return FULL.search(said) is not None or free(place) < LEAST
