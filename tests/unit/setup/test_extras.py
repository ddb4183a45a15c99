"""The sets of Python packages that some words need: which word needs which, and when one is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.setup.test_stamp import stamped, wanted

from bootwright.setup import extras, needs, stamp


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A checkout with a .venv whose Python exists, and the programs that stamped() names."""
    python = Path(stamp.venv_python(str(tmp_path)))
    python.parent.mkdir(parents=True)
    for program in (python, tmp_path / "rustc", tmp_path / "a linker"):
        program.touch(0o755)
    (tmp_path / "requirements.txt").write_text("scons==4.11.1\n")
    return tmp_path


EVERY_SET = ("registry", "pool", "rack", "test")
SETS: dict[str, tuple[str, ...]] = {
    "": (),
    "run": (),
    "gdb BOARD=pc1": (),
    "image POOL=tls://pool:8786": (),
    "test": EVERY_SET,
    "soak": EVERY_SET,
    "test TESTS=unit/storage": EVERY_SET,
    "test TESTS=kernel": (),
    "test TESTS=kernel/hello/memory::*": (),
    "test KERNEL=/another/kernel": (),
    "test TARGET=riscv64gc-unknown-none-elf": (),
    "test KERNEL=/another/kernel POOL=tls://pool:8786": ("pool",),
    "test BOARD=pc1": ("rack",),
    "run BOARD=pc1": ("rack",),
    "push IMAGE=registry/name:tag": ("registry",),
    "pull IMAGE=registry/name:tag": ("registry",),
    "push": (),
    "push IMAGE=registry/name:tag -h": (),
}


@pytest.mark.parametrize("words", SETS)
def test_each_word_needs_its_packages_of_python_and_no_more(words: str, home: Path) -> None:
    assert needs.needed_extras(words.split(), str(home), "/usr/bin") == SETS[words]


def test_a_labgrid_of_the_persons_own_is_as_good_but_that_of_venv_is_looked_after(home: Path) -> None:
    for place, needed in ((home / "bin", ()), (home / ".venv" / "bin", ("rack",))):
        place.mkdir(exist_ok=True)
        (place / "labgrid-client").touch(0o755)
        assert needs.needed_extras(["run", "BOARD=pc1"], str(home), f"/usr/bin:{place}") == needed


def test_a_set_is_there_while_its_list_is_the_same(home: Path) -> None:
    stamped(home)
    words = ["KERNEL=/another/kernel", "POOL=tls://pool:8786"]
    stamped(home, "test", *words, **{"qemu-system-x86_64": str(home / "rustc"), needs.ANY_CORE: str(home / "rustc")})
    listed, copy = Path(extras.list_path(str(home), "pool")), Path(extras.copy_path(str(home), "pool"))
    listed.parent.mkdir()
    for there, here, met in (("a==1\n", None, False), ("a==1\n", "", False), ("a==1\n", "a==1\n", True),
                             ("a==2\n", "a==1\n", False)):  # fmt: skip
        listed.write_text(there)
        if here is not None:
            copy.write_text(here)
        assert needs.are_met(wanted(home, "test", *words)) is met
    assert needs.are_met(wanted(home))
