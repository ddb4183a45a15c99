"""What the runner made for a program is booted again while nothing that it was made of is another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bootwright.base.loaded import stamp
from bootwright.cargo.metadata import BootloaderSettings
from bootwright.cli import loaders, prepared
from bootwright.image import disk, kernel_file
from bootwright.loader import settings


class Elf:
    """Stands for a kernel's ELF."""

    def without_sections(self) -> bytes:
        return b"kernel"


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., prepared.Preparation]:
    """Returns what prepares tmp_path's program, with a loader, a kernel file and an image that are a few bytes."""
    loader = tmp_path / "loader"
    loader.mkdir()
    for name in (*prepared.ON_THE_DISK, prepared.FAST_LOADER):
        (loader / name).write_bytes(name.encode())
    (tmp_path / "kernel").write_bytes(b"ELF")
    (tmp_path / "Cargo.toml").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(loaders, "find_loader", lambda environ, tell: loader)
    monkeypatch.setattr(settings, "finish_settings", lambda *_: (None, ["a remark"]))
    monkeypatch.setattr(kernel_file, "write_kernel_file", lambda data, told: data)
    monkeypatch.setattr(disk, "write_image", lambda path, name, parts, kernel: path.write_bytes(b"image"))

    def build(fast: bool = False, features: tuple[str, ...] = ()) -> prepared.Preparation:
        exe, manifest = tmp_path / "kernel", tmp_path / "Cargo.toml"
        return prepared.Preparation(exe, fast, manifest, features, prepared.look(exe, manifest))

    return build


@pytest.mark.parametrize("fast", [False, True])
def test_the_same_program_is_prepared_once(
    make: Callable[..., prepared.Preparation], tmp_path: Path, fast: bool
) -> None:
    assert make(fast).known() is None
    made = make(fast).make(Elf(), BootloaderSettings(), {}, print)  # type: ignore[arg-type]  # what is used of it
    assert made.image.read_bytes() == (b"kernel" if fast else b"image")
    assert make(fast).known() == made and made.remarks == ("a remark",)
    assert make(not fast).known() is None and make(fast, ("sse",)).known() is None


@pytest.mark.parametrize("name", ["kernel", "kernel.img", "Cargo.toml", "boot.json", "loader/stages.bin"])
def test_where_something_is_another_it_is_made_again(
    make: Callable[..., prepared.Preparation], tmp_path: Path, name: str
) -> None:
    make().make(Elf(), BootloaderSettings(), {}, print)  # type: ignore[arg-type]  # what is used of it
    with (tmp_path / name).open("ab") as stream:
        stream.write(b"x")
    assert make().known() is None
    (tmp_path / "kernel.img").unlink()
    assert make().known() is None


def test_in_a_checkout_an_edit_of_bootwright_itself_counts(
    make: Callable[..., prepared.Preparation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "HOME", tmp_path)
    for folder in prepared.OF_A_LOADER:
        (tmp_path / folder / "deep").mkdir(parents=True)
    source = tmp_path / prepared.OF_A_LOADER[0] / "deep" / "source.rs"
    source.write_text("")
    make().make(Elf(), BootloaderSettings(), {}, print)  # type: ignore[arg-type]  # what is used of it
    assert make().known()
    source.write_text("fn f() {}")
    assert make().known() is None


@pytest.mark.parametrize("name", ["kernel", "Cargo.toml", "boot.json", "kernel.img", "loader/stages.bin"])
def test_what_is_replaced_while_it_is_read_is_not_remembered(
    make: Callable[..., prepared.Preparation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def replaced_meanwhile(data: bytes, told: object) -> bytes:
        (tmp_path / name).write_bytes(b"another")
        return data

    begun = make()
    monkeypatch.setattr(kernel_file, "write_kernel_file", replaced_meanwhile)
    begun.make(Elf(), BootloaderSettings(), {}, print)  # type: ignore[arg-type]  # what is used of it
    assert (make().known() is None) == (name != "kernel.img")  # which is ours then, whatever was there before


@pytest.mark.parametrize("name", ["kernel", "Cargo.toml", "boot.json"])
def test_what_is_replaced_before_it_is_read_again_is_not_remembered(
    make: Callable[..., prepared.Preparation], tmp_path: Path, name: str
) -> None:
    begun = make()
    (tmp_path / name).write_bytes(b"another")  # while the features were looked up, of the manifest as it was
    begun.make(Elf(), BootloaderSettings(), {}, print)  # type: ignore[arg-type]  # what is used of it
    assert make().known() is None


def test_an_image_that_another_process_has_put_there_is_not_remembered(
    make: Callable[..., prepared.Preparation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "kernel.img"

    def another_comes(path: Path) -> object:
        if path == image and image.exists():
            (tmp_path / "theirs").write_bytes(b"theirs")
            (tmp_path / "theirs").replace(image)
        return stamp(path)

    begun = make()
    monkeypatch.setattr(prepared, "stamp", another_comes)
    begun.make(Elf(), BootloaderSettings(), {}, print)  # type: ignore[arg-type]  # what is used of it
    monkeypatch.setattr(prepared, "stamp", stamp)
    assert make().known() is None
