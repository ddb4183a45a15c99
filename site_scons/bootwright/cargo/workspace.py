"""A workspace as cargo resolves it: what no plan of a kernel has of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_text
from bootwright.cargo.command import error_in, run_cargo
from bootwright.cargo.packages import Package
from bootwright.cargo.plans import Planned

# By these the plan's cargo has our lock file.
LOCK_WORDS = ("-Zlockfile-path", "-Zunstable-options", "--lockfile-path=")
PACKAGE = re.compile(r"^\s*\[\s*package\s*\]", re.MULTILINE)


def others(package: Package) -> list[str]:
    """Returns the manifests of the members of the workspace beside package."""
    own = str(Path(package.root, "Cargo.toml"))
    return [path for path in package.manifests if path != own and PACKAGE.search(read_text(Path(path)))]


def read(planned: Planned, platforms: Sequence[str], environ: Mapping[str, str]) -> dict[str, Any]:
    """Asks cargo about the workspace, as it is resolved for the triples in platforms; raises with cargo's own words."""
    plan, manifest = planned.plan, Path(planned.package.workspace, "Cargo.toml")
    words = [plan.command[0], "metadata", "--format-version=1", "--offline", f"--manifest-path={manifest}"]
    words += [word for word in plan.command if word.startswith(LOCK_WORDS)]
    words += [f"--filter-platform={platform}" for platform in platforms if not platform.endswith(".json")]
    ended = run_cargo(words, manifest.parent, {**environ, **plan.variables})
    if ended.status:
        raise BootwrightError(error_in(ended.stderr))
    return dict(json.loads(ended.stdout))
