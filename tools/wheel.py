"""What makes the wheel more than its modules: completion for shells, the manual page, and a compiled boot loader.

hatchling runs this as it builds the wheel (pyproject.toml). Where there is no Rust compiler the wheel has no loader:
each person's first build makes it then, as in a checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Carried(BuildHookInterface[Any]):
    """Makes them beside the build: the loader's files become bootwright/prebuilt, the others go below share/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds what was compiled; says where it could not be."""
        if self.target_name != "wheel" or version == "editable":
            return
        self._place = tempfile.TemporaryDirectory(prefix="bootwright-")
        share = Path(self._place.name, "share")
        environment = {**os.environ, "PYTHONPATH": str(Path(self.root, "site_scons"))}
        subprocess.run([sys.executable, "-m", "bootwright.cli.completion", str(share)], env=environment, check=True)
        build_data["shared_data"][str(share)] = "share"
        place = Path(self._place.name, "loader")
        place.mkdir()
        done = subprocess.run([sys.executable, "-m", "bootwright.cli.loaders", str(place)], env=environment)
        if done.returncode:
            self.app.display_warning("the wheel has no boot loader inside: it could not be compiled here")
            return
        for path in place.iterdir():
            build_data["force_include"][str(path)] = f"bootwright/prebuilt/{path.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what was compiled."""
        if hasattr(self, "_place"):
            self._place.cleanup()
