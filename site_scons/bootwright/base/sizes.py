"""Sizes of data, and how they read."""

from __future__ import annotations

MIB = 1 << 20
PAGE_SIZE = 4096  # of every machine that kernels are built for here


def size_text(size: int) -> str:
    """Returns a size as people say it."""
    value, units = float(size), ["KiB", "MiB", "GiB", "TiB"]
    if size < 1024:
        return f"{size} bytes"
    for unit in units:
        value /= 1024
        if value < 1024 or unit == units[-1]:
            break
    return f"{value:.0f} {unit}" if value >= 100 or (size % MIB == 0 and value == int(value)) else f"{value:.1f} {unit}"
