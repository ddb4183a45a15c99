"""Where this system wants a person's caches: the store lies there, and what is known of an installation's set-up.

sconsw and the program bootwright ask this at each start: os and sys alone.
"""

from __future__ import annotations

import os
import sys


def cache_directory() -> str:
    """Returns the directory bootwright in this person's cache directory; the environment is the process's own."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(os.path.expanduser("~"), "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        # The XDG specification: a relative path is to be ignored.
        base = base if os.path.isabs(base) else os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "bootwright")
