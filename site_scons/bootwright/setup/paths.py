"""Which words of the command line name a file: data and a few lines, as sconsw reads it at each start."""

from __future__ import annotations

import os

# These name a file or a directory; words.py says which.
PATHS = (
    "KERNEL", "LDSCRIPT", "BUILD", "RAMDISK", "SERIAL", "SIGN_KEY", "SIGN_CERT", "CACHE_CA", "CACHE_CREDENTIALS",
    "POOL_CA", "POOL_CERT", "--json", "--junit",
)  # fmt: skip
PROGRAMS = ("RUSTC", "QEMU")  # these name one of PATH, or a file where there is a slash


def is_path(name: str, value: str) -> bool:
    """Tells whether the value of a variable or a switch is a path, which is seen from where it is said."""
    if name == "TARGET":
        return value.endswith(".json")
    if name == "DEV":  # PhysicalDrive1 is a disk's name, and no file
        return os.path.exists(value)
    if name == "CACHE":
        return "://" not in value
    return name in PATHS or (name in PROGRAMS and os.path.basename(value) != value)
