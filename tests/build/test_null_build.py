"""What a build that has nothing to do pays for: the modules that it imports, and nothing that only an action needs."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.build.checkouts import Checkout

# As it ends, each scons writes down the modules of ours that it has imported, which of them made dataclasses, and the
# files that were opened.
HOOK = """
import atexit, dataclasses, os, sys
files, made, process = set(), set(), dataclasses._process_class
def note(cls, *arguments, **named):
    made.add(cls.__module__)
    return process(cls, *arguments, **named)
dataclasses._process_class = note
def opened(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        files.add(arguments[0])
sys.addaudithook(opened)
@atexit.register
def write():
    names = sorted(name for name in sys.modules if name.partition(".")[0] == "bootwright")
    with open(os.environ["IMPORTED"], "w") as file:
        file.write("\\n".join([*names, *(f"dataclass in {name}" for name in made if name.startswith("bootwright"))]))
    with open(os.environ["OPENED"], "w") as file:
        file.write("\\n".join(files))
"""
# Another one costs every build half a millisecond: what only an action, a word or an error needs is imported there.
EXPECTED = """
base base.atomic base.cache base.called base.children base.digests base.errors base.filelock base.home base.loaded
base.procs base.records base.regular base.remembered base.seen base.sizes
cargo cargo.build_command cargo.command cargo.config cargo.config_keys cargo.memory cargo.metadata cargo.migrations
cargo.nightly cargo.packages cargo.plans cargo.sources cargo.toml cargo.units cargo.watched
graph graph.actions graph.commandline graph.contents graph.nodes graph.sentences graph.session graph.unchanged
graph.units
image image.checksum image.elf_file image.guid image.kernel_file image.layout
loader loader.crates loader.prebuilt loader.settings
machine machine.boards machine.emulators machine.runner
rust rust.build_tools rust.command rust.flags rust.implied_target rust.library rust.more rust.recipe rust.targets
rust.toolchain rust.unit_reads
setup setup.paths setup.project_file setup.stamp setup.startup setup.taken setup.verbs setup.words
storage storage.builddir storage.outputs storage.proof storage.store
"""


LARGE = 1 << 16  # bytes


def test_a_build_with_nothing_to_do_imports_few_modules_and_reads_no_large_product(
    checkout: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK)
    imported, opened = tmp_path / "imported", tmp_path / "opened"
    hook = {"PYTHONPATH": str(tmp_path / "hook"), "IMPORTED": str(imported), "OPENED": str(opened)}
    checkout.build()
    (library,) = (checkout.path / "build/debug/obj").rglob("libhello*.rlib")
    assert library.stat().st_size > LARGE
    time.sleep(1.1)  # a product of this moment is hashed once more
    assert checkout.build() == []
    assert checkout.build(**hook) == []
    assert str(checkout.path / "SConstruct") in opened.read_text().splitlines()
    assert str(library) not in opened.read_text().splitlines()
    # What is written to it is seen all the same, though its size and its time are as they were.
    before, data = library.stat(), library.read_bytes()
    library.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    os.utime(library, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "rustc hello.elf hello.map" in checkout.scons().steps
    library.unlink()
    assert checkout.build()[0] == "rustc libhello.rlib"
    assert imported.read_text().splitlines() == ["bootwright", *(f"bootwright.{name}" for name in EXPECTED.split())]
