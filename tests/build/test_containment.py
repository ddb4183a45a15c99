"""The page's line for the build of somebody else's kernel: it builds, and reaches neither files nor the network."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout

LINE = re.compile(r"^    (bwrap .*) \./sconsw KERNEL=theirs$", re.MULTILINE)


@pytest.fixture
def contained(checkout: Checkout) -> list[str]:
    """The page's words before the command that is contained."""
    found = LINE.search((HOME / "docs" / "kernel.md").read_text())
    assert found, "the page has the line"
    words = [os.path.expandvars(word) for word in shlex.split(found[1].replace("$PWD", str(checkout.path)))]
    tried = subprocess.run([*words, "true"], cwd=checkout.path, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"bwrap may not make namespaces here: {tried.stderr.strip()}")
    return words


@pytest.mark.needs("bwrap")
def test_a_contained_build_makes_the_same_image(checkout: Checkout, package: Path, contained: list[str]) -> None:
    checkout.build(f"KERNEL={package}")  # which fills the store, as the page says
    image = checkout.image(name="reader")
    shutil.copytree(package, checkout.path / "theirs")
    (checkout.path / "build" / "debug" / "reader.img").unlink()
    # The temporary directory is another one in there, and the interpreter may lie in the one that the test has.
    argv = [*contained, sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), "KERNEL=theirs"]
    built = subprocess.run(
        argv, cwd=checkout.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
    )
    assert built.returncode == 0, built.stdout
    assert checkout.image(name="reader") == image


@pytest.mark.needs("bwrap")
def test_what_is_contained_writes_no_other_file_and_has_no_network(
    checkout: Checkout, tmp_path: Path, contained: list[str]
) -> None:
    script = """
for place in "$1" "$HOME" /etc /usr /var; do
    if touch "$place/bootwright-was-here" 2>/dev/null; then echo "wrote $place"; fi
done
touch "$2/inside" && echo inside
grep -c : /proc/net/dev
"""
    home = os.environ.get("HOME", "/")
    argv = [*contained, "sh", "-c", script, "sh", str(HOME), str(checkout.path)]
    ran = subprocess.run(argv, cwd=checkout.path, capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["inside", "1"], ran  # lo alone
    assert (checkout.path / "inside").exists()
    assert not any(Path(place, "bootwright-was-here").exists() for place in (HOME, home, "/etc", "/usr", "/var"))
