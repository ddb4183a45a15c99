"""What a build that has nothing to do pays for: the modules that it imports, and nothing that only an action needs."""

from __future__ import annotations

from pathlib import Path

from tests.build.checkouts import Checkout

# As it ends, each scons writes down the modules of ours that it has imported, and which of them made dataclasses.
HOOK = """
import atexit, dataclasses, os, sys
made, process = set(), dataclasses._process_class
def note(cls, *arguments, **named):
    made.add(cls.__module__)
    return process(cls, *arguments, **named)
dataclasses._process_class = note
@atexit.register
def write():
    names = sorted(name for name in sys.modules if name.partition(".")[0] == "bootwright")
    with open(os.environ["IMPORTED"], "w") as file:
        file.write("\\n".join([*names, *(f"dataclass in {name}" for name in made if name.startswith("bootwright"))]))
"""
# Another one costs every build half a millisecond: what only an action, a word or an error needs is imported there.
EXPECTED = """
base base.atomic base.digests base.errors base.filelock base.home base.loaded base.procs base.records base.regular
base.remembered base.seen base.sizes
cargo cargo.command cargo.config cargo.config_keys cargo.memory cargo.metadata cargo.migrations cargo.nightly
cargo.packages cargo.plans cargo.sources cargo.toml cargo.units cargo.watched
graph graph.actions graph.commandline graph.nodes graph.sentences graph.session graph.unchanged graph.units
image image.checksum image.kernel_file image.layout
loader loader.crates loader.settings
machine machine.boards machine.emulators
rust rust.build_tools rust.flags rust.library rust.more rust.recipe rust.targets rust.toolchain rust.unit_reads
setup setup.stamp setup.startup setup.verbs
storage storage.builddir storage.outputs storage.proof storage.store
"""


def test_a_build_with_nothing_to_do_imports_these_modules_of_ours_alone(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK)
    imported = tmp_path / "imported"
    hook = {"PYTHONPATH": str(tmp_path / "hook"), "IMPORTED": str(imported)}
    checkout.build()
    assert checkout.build(**hook) == []
    assert imported.read_text().splitlines() == ["bootwright", *(f"bootwright.{name}" for name in EXPECTED.split())]
