"""Specifications of targets, as people wrote them over the years: the compilers of this machine take each migrated."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from bootwright.rust import builtin_targets
from bootwright.rust.builtin_targets import Verdict
from bootwright.rust.migrate import migrate_spec
from bootwright.rust.toolchain import Toolchain
from bootwright.storage.store import Store

SPECS = Path(__file__).resolve().parents[1] / "kernels" / "specs"


def real_toolchains() -> list[Toolchain]:
    """Returns rustc on PATH, of the system and of each of rustup's toolchains, without repetition."""
    on_path = [Path(place, "rustc") for place in os.environ.get("PATH", "").split(os.pathsep)]
    places = [*on_path, Path("/usr/bin/rustc"), *sorted((Path.home() / ".rustup" / "toolchains").glob("*/bin/rustc"))]
    found: dict[str, Toolchain] = {}
    for path in places:
        if os.access(path, os.X_OK):
            verbose = subprocess.run([str(path), "-vV"], capture_output=True, text=True).stdout
            facts = dict(line.split(": ", 1) for line in verbose.splitlines() if ": " in line)
            if "release" not in facts:  # rustup's, which has no toolchain
                continue
            found[verbose] = Toolchain(
                path, verbose, facts["release"], facts["host"], facts["LLVM version"], Path(), ""
            )
    return list(found.values())


REAL = real_toolchains()


@pytest.mark.parametrize("rustc", REAL, ids=[toolchain.release for toolchain in REAL])
@pytest.mark.parametrize("year", ["2021", "2024", "2026"])
def test_the_real_rustc_takes_each_years_sample(rustc: Toolchain, year: str, tmp_path: Path) -> None:
    text = (SPECS / f"{year}.json").read_text()
    migrated = migrate_spec(text, rustc, f"{year}.json", Store(tmp_path / "store"))
    assert builtin_targets.judge(rustc, migrated.text, "sample") == Verdict()
    if year == "2021":
        assert builtin_targets.judge(rustc, text, "sample").error != ""
        assert "features: without -3dnow, which LLVM no longer has" in migrated.changes
    spec = tmp_path / "sample.json"
    spec.write_text(migrated.text)
    argv = [str(rustc.rustc), "-Zunstable-options", "--print", "cfg", "--target", str(spec)]
    cfg = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "RUSTC_BOOTSTRAP": "1"})
    assert cfg.returncode == 0, cfg.stderr
    chosen = json.loads(text)
    assert ('target_has_atomic="64"' in cfg.stdout) == (chosen.get("max-atomic-width", 64) >= 64)
    assert ('target_has_atomic="32"' in cfg.stdout) == (chosen.get("max-atomic-width", 64) >= 32)
    assert f'panic="{chosen["panic-strategy"]}"' in cfg.stdout
