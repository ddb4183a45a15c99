"""The manifest of what was built: every output that is missing, changed or foreign is named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bootwright.base import digests
from bootwright.base.errors import BootwrightError
from bootwright.storage import outputs


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build directory with three outputs."""
    made = {}
    for name in ("debug/k.elf", "debug/k.img", "loader/a b.bin"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
        made[path] = digests.file_digest(path)
    outputs.update_manifest(tmp_path, made, [])
    return tmp_path


def test_what_was_built_is_counted(build: Path) -> None:
    assert outputs.verify(build) == f"3 outputs in {build} are what was built"


def test_a_changed_a_missing_and_a_foreign_output_are_named(build: Path) -> None:
    image = build / "debug/k.img"
    image.write_bytes(image.read_bytes()[:-1] + b"?")
    (build / "loader/a b.bin").unlink()
    (build / "debug/more").touch()
    with pytest.raises(BootwrightError) as raised:
        outputs.verify(build)
    assert raised.value.message.splitlines()[1:] == [
        f"  {build}/debug/k.img is not what was built",
        f"  {build}/loader/a b.bin is missing",
        f"  {build}/debug/more was not built",
    ]


def test_an_empty_directory_has_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(BootwrightError, match="holds nothing that was built"):
        outputs.verify(tmp_path)


def test_the_builds_own_memory_is_no_output_and_a_picture_is_none_in_its_place_alone(build: Path) -> None:
    for name in (
        "lock",
        "journal",
        ".sconsign.dblite",
        "toolchain.json",
        "debug/k.png",
        "debug/.k.elf.new",
        "debug/obj/t/k/history/last.elf",
        "debug/obj/t/k/tests/a.png",
    ):
        (build / name).parent.mkdir(parents=True, exist_ok=True)
        (build / name).touch()
    (build / "debug/.k.elf.new-x1").mkdir()
    (build / "debug/.k.elf.new-x1/half").touch()
    assert outputs.differences(build) == []
    (build / "loader/deep").mkdir()
    for name in ("loader/deep/k.png", "loader/lock"):
        (build / name).touch()
    assert [line.split()[0] for line in outputs.differences(build)] == [
        str(build / "loader/deep/k.png"), str(build / "loader/lock"),
    ]  # fmt: skip


def test_what_is_made_again_has_its_new_digest_and_what_is_gone_has_none(build: Path) -> None:
    elf = build / "debug/k.elf"
    elf.write_text("new")
    outputs.update_manifest(build, {elf: digests.file_digest(elf)}, [build / "debug/k.img"])
    (build / "debug/k.img").unlink()
    assert outputs.differences(build) == []
    assert len(outputs.read_manifest(build / "manifest")) == 2


def test_a_sysroot_in_the_store_is_compared_with_its_own_manifest(
    build: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("store")
    (store / "libcore.rlib").write_text("core")
    manifest = build / "sysroot"
    manifest.write_text(f"{digests.file_digest(store / 'libcore.rlib')}  libcore.rlib\n")
    outputs.update_manifest(build, {manifest: digests.file_digest(manifest)}, [])
    assert outputs.verify(build, {manifest: store}).startswith("4 outputs")
    (store / "libcore.rlib").write_text("c0re")
    with pytest.raises(BootwrightError, match=r"libcore\.rlib is not what was built"):
        outputs.verify(build, {manifest: store})


@pytest.mark.needs("sha256sum")
def test_sha256sum_reads_the_manifest(build: Path) -> None:
    subprocess.run(["sha256sum", "--status", "-c", "manifest"], cwd=build, check=True)


@pytest.mark.parametrize("name", ["a", "a/b", "n" * 255, "ü" * 127, "..a/b"])
def test_a_name_of_a_file_in_the_directory_is_one(tmp_path: Path, name: str) -> None:
    assert outputs.is_inner(name)
    assert outputs.inner_name(tmp_path, tmp_path / name) == name


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "../a", "a/./b", "a/../b", "n" * 256, "ü" * 128, "a\0b", "\ud800"]
)
def test_a_name_that_leads_elsewhere_or_that_no_file_has_is_none(name: str) -> None:
    assert not outputs.is_inner(name)


def test_a_path_outside_has_no_name(tmp_path: Path) -> None:
    assert outputs.inner_name(tmp_path / "build", tmp_path / "a") is None


@pytest.mark.parametrize(
    ("lines", "told"),
    [("x\n", "1 line of {} names no output"), (f"{'0' * 64}  ../a\nb\n", "2 lines of {} name no output")],
)
def test_lines_that_name_no_output_are_counted(build: Path, lines: str, told: str) -> None:
    manifest = build / outputs.MANIFEST
    manifest.write_text(manifest.read_text() + lines)
    assert outputs.differences(build) == [told.format(manifest)]
