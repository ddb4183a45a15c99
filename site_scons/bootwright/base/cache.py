"""Where this system wants a person's caches: the store lies there, and what is known of an installation's set-up.

sconsw and the program bootwright ask this at each start: os and sys alone.
"""

from __future__ import annotations

import os
import sys


def lack_of_home() -> str:
    """Returns the sentence for where nothing names a directory of this person's, empty where something does.

    A path that begins with ~ would else be made in whichever directory we are.
    """
    if os.path.isabs(os.path.expanduser("~")):
        return ""
    named = f"HOME={os.environ['HOME']} is no absolute path" if os.environ.get("HOME") else "HOME is not set"
    return f"{named}, and bootwright, cargo and rustc keep files there\n  hint: HOME=/a/directory/of/yours"


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
