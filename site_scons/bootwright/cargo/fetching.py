"""Fetching what a plan needs and this machine does not have: by cargo itself, with its progress and in its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.procs import Ended, run
from bootwright.base.regular import read_text
from bootwright.cargo.command import Cargo, run_cargo_with_progress, working_cargos

MISSING = (
    r"(?:failed to download|no matching package named|failed to get|failed to load source for dependency) `([^`]*)`"
)
RESOLVED = ("no matching package named", "failed to select a version")  # said of what registries have: nothing fits
NOT_HERE = ("--offline", "--frozen", "--locked", "offline mode")  # what an error names that a fetch may cure
# A cargo that was linked to another version of libgit2 than it was made for: a distribution's may be.
AT_ODDS_WITH_GIT = r"invalid version \d+ on git_\w+"


def can_cure(said: str) -> bool:
    """Says whether a fetch may cure what cargo said."""
    return any(word in said for word in NOT_HERE)


def is_about_lock(said: str) -> bool:
    """Says whether what cargo said is that the lock file is not there, or is not what the manifests ask for."""
    return any("lock file" in line for line in said.splitlines() if line.startswith("error"))


def has_sources(lock: Path) -> bool:
    """Says whether a package of a lock file comes from elsewhere than a path."""
    return bool(re.search(r"^source = ", read_text(lock), re.MULTILINE))


def fetch(
    cargo: Cargo, target: str, manifest: Path, lock: Path, directory: Path, environ: Mapping[str, str],
    tell: Callable[[str], None],
) -> Ended:  # fmt: skip
    """Fetches what is missing and brings our lock file up to date; another cargo does where this one cannot use git."""
    ended = _fetch(cargo, target, manifest, lock, directory, environ)
    for other in working_cargos(cargo.rustc, environ):
        if not ended.status or not re.search(AT_ODDS_WITH_GIT, ended.stderr):
            break
        if Path(other.program).resolve() != Path(cargo.program).resolve():  # /bin is /usr/bin on most systems
            tell(f"{cargo.program} was made for another libgit2 than this machine's; {other.program} fetches")
            ended = _fetch(other, target, manifest, lock, directory, environ)
    return ended


def _fetch(cargo: Cargo, target: str, manifest: Path, lock: Path, directory: Path, environ: Mapping[str, str]) -> Ended:
    # A build wants what the builder's system would take, too, though nothing of it is compiled; `cargo fetch` does not.
    host = re.search(r"^host: (\S+)$", run([str(cargo.rustc), "-vV"], env=environ), re.MULTILINE)
    more = ["--target", host[1]] if host else []
    words = [*cargo.command("fetch", target, lock), *more, f"--manifest-path={manifest}"]
    # cargo asks rustc by the wrapper of a configuration, bootwright-rustc maybe, which may be on nobody's PATH.
    none = dict.fromkeys(("RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"), "")
    return run_cargo_with_progress(words, directory, {**cargo.environment(environ, lock), **none})


def not_fetched(name: str, told: str, said: str) -> BootwrightError:
    """Returns the sentence for what cargo did not fetch for a package, which it told; said is what it misses now."""
    names = list(dict.fromkeys(re.findall(MISSING, said)))
    is_known = any(word in told for word in RESOLVED) and not can_cure(told)
    if is_known or not names:
        return BootwrightError(f"cargo does not find what {name} needs; its own words are above")
    which = "which is" if len(names) == 1 else "which are"
    hint = "cargo's words above say why; what was fetched once is there for every build after, without a network"
    if re.search(AT_ODDS_WITH_GIT, told):
        hint = (
            "this cargo was made for another libgit2 than this machine's; rustup's, on PATH, would fetch in its place"
        )
    return BootwrightError(
        f"{name} needs {', '.join(names)}, {which} not on this machine and could not be fetched", hint
    )
