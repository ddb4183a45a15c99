"""Units of registries have no node while nothing that they hang on is another: an edit asks SCons of none of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout

from bootwright.base.loaded import stamp

PACKAGE = HOME / "tests/kernels/packages/tables"
EDIT = "\n#[used]\nstatic EDITED: u32 = {};\n"
SPIN = re.compile(r"Considering node <\S+ +\d+ +'\S+/deps/libspin-\w+\.rlib'>")
OLD_ENOUGH = 1.1  # seconds, see graph/contents.py

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no time of a file that cannot be set back")


class Kernel:
    """A kernel with dependencies, built by checkout until its units are sealed."""

    def __init__(self, checkout: Checkout, place: Path) -> None:
        self.checkout, self.trace = checkout, place / "trace"
        self.package = shutil.copytree(PACKAGE, place / "tables", ignore=shutil.ignore_patterns("target"))
        assert "store libspin.rlib" in self.build() or "rustc libspin.rlib" in self.build()
        self.seal()

    def build(self, *words: str) -> list[str]:
        self.trace.unlink(missing_ok=True)  # SCons would add to it
        return self.checkout.build(f"KERNEL={self.package}", f"--taskmastertrace={self.trace}", *words)

    def looked_at(self) -> bool:
        """Says whether SCons looked at the unit of a registry in the last build."""
        return SPIN.search(self.trace.read_text()) is not None

    def seal(self) -> None:
        """Builds twice, the second time with nothing of a registry to look at."""
        time.sleep(OLD_ENOUGH)
        self.build()
        self.edit()
        assert not self.looked_at()

    def edit(self) -> list[str]:
        """Builds with a line that is another one each time."""
        source = self.package / "src/main.rs"
        text = source.read_text().partition(EDIT.partition("{")[0])[0]
        source.write_text(text + EDIT.format(time.monotonic_ns() % 2**32))
        return self.build()

    @property
    def spin(self) -> Path:
        return next((self.checkout.path / "build/debug/obj").rglob("deps/libspin-*.rlib"))

    def products(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.checkout.path / "build/debug").glob("tables.*")}


@pytest.fixture
def kernel(checkout: Checkout, tmp_path: Path) -> Kernel:
    return Kernel(checkout, tmp_path)


def test_an_edit_looks_at_none_and_makes_what_a_look_at_all_makes(kernel: Kernel) -> None:
    checkout = kernel.checkout
    assert kernel.edit() == ["rustc tables.elf tables.map", "kernel tables.kernel", "image tables.img"]
    assert not kernel.looked_at()
    assert checkout.scons("verify").status == 0
    made = kernel.products()
    next((checkout.path / "build/debug/obj").glob("*/*/sealed.json")).unlink()
    assert kernel.build() == []  # what SCons had recorded of the units is there still
    assert kernel.looked_at()
    checkout.build("-c")
    kernel.build()
    assert kernel.products() == made


def test_a_unit_is_looked_at_where_it_may_be_another_one(kernel: Kernel) -> None:
    checkout = kernel.checkout

    kernel.spin.unlink()
    assert kernel.edit()[0] == "store libspin.rlib"
    kernel.seal()

    before = kernel.spin.stat()
    os.utime(kernel.spin, ns=(before.st_atime_ns, before.st_mtime_ns))  # as one does who wrote to it
    kernel.edit()
    assert kernel.looked_at()
    kernel.seal()

    checkout.edit("site_scons/bootwright/rust/shared.py", '"""', '"""', 1)
    kernel.edit()
    assert kernel.looked_at()
    kernel.seal()

    for words in (["-n"], []):
        made = kernel.build("RUSTFLAGS=-C opt-level=1", *words)
        assert any(step.endswith(" libspin.rlib") for step in made), words


def test_a_unit_that_read_what_is_another_one_now_is_made_again(kernel: Kernel) -> None:
    reads = kernel.spin.with_name(kernel.spin.name.removeprefix("lib")).with_suffix(".reads")
    sealed = next((kernel.checkout.path / "build/debug/obj").glob("*/*/sealed.json"))
    before = stamp(reads)
    facts = json.loads(reads.read_text())
    facts["variables"]["OF_NOBODY"] = "1"  # as if a macro had read it so
    reads.write_text(json.dumps(facts))
    old, new = (" ".join(map(str, found or ())) for found in (before, stamp(reads)))
    assert old in sealed.read_text()
    sealed.write_text(sealed.read_text().replace(old, new))
    assert "store libspin.rlib" in kernel.build()


def test_who_names_a_file_or_asks_for_the_graph_gets_all_of_it(kernel: Kernel) -> None:
    name = kernel.spin.relative_to(kernel.checkout.path)
    built = kernel.checkout.scons(f"KERNEL={kernel.package}", str(name))
    assert (built.status, built.output) == (0, f"scons: `{name}' is up to date.\n")
    built = kernel.checkout.scons(f"KERNEL={kernel.package}", "--tree=all")
    assert built.output.count("libspin-") > 1, built.output


def test_a_dry_run_tells_all_that_a_build_would_do(checkout: Checkout, tmp_path: Path) -> None:
    words = f"KERNEL={shutil.copytree(PACKAGE, tmp_path / 'tables', ignore=shutil.ignore_patterns('target'))}"
    planned = {step.partition(" ")[2] for step in checkout.build("-n", words)}
    assert not list((checkout.path / "build").rglob("*.rlib"))
    assert {step.partition(" ")[2] for step in checkout.build(words)} == planned
