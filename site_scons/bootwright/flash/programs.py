"""The system's own programs, found where the system keeps them: root may have been given a person's PATH."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

# The last four are NixOS's and Guix's, which have little in the others.
PLACES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/run/current-system/sw/bin", "/run/current-system/sw/sbin",
          "/run/current-system/profile/bin", "/run/current-system/profile/sbin")  # fmt: skip
ENVIRONMENT = {"PATH": os.pathsep.join(PLACES), "LC_ALL": "C"}


def find(name: str) -> str:
    """Returns the path of one of the system's programs; name itself, which no directory has, where there is none."""
    return next((path for place in PLACES if os.access(path := str(Path(place, name)), os.X_OK)), f"/nowhere/{name}")


def run(argv: Sequence[str], check: bool = False) -> subprocess.CompletedProcess[bytes]:
    """Runs one of the system's programs with nothing of the environment; raises OSError where there is none.

    Raises CalledProcessError for a failure where check is set.
    """
    return subprocess.run(
        [find(argv[0]), *argv[1:]], env=ENVIRONMENT, capture_output=True, stdin=subprocess.DEVNULL, check=check
    )
