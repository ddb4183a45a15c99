"""What makes the wheel more than its modules: a boot loader, compiled here, so that nobody has to who installs it.

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


class Loader(BuildHookInterface[Any]):
    """Compiles the loader beside the build and adds its files to the wheel, as bootwright/prebuilt."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds what was compiled; says where it could not be."""
        if self.target_name != "wheel" or version == "editable":
            return
        self._place = tempfile.TemporaryDirectory(prefix="bootwright-")
        environment = {**os.environ, "PYTHONPATH": str(Path(self.root, "site_scons"))}
        done = subprocess.run([sys.executable, "-m", "bootwright.cli.loaders", self._place.name], env=environment)
        if done.returncode:
            self.app.display_warning("the wheel has no boot loader inside: it could not be compiled here")
            return
        for path in Path(self._place.name).iterdir():
            build_data["force_include"][str(path)] = f"bootwright/prebuilt/{path.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what was compiled."""
        if hasattr(self, "_place"):
            self._place.cleanup()
