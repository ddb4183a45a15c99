"""What proves that a dependency's sources are those that were published."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.cargo.published import check_published

FILES = {"Cargo.toml": b"[package]\n", "src/lib.rs": b"#![no_std]\n"}


def unpacked(place: Path) -> tuple[Path, Path, str]:
    """Returns a package's directory, its archive, and that one's checksum, as a registry below place has them."""
    root, archive = place / "src/index/tiny-1.0.0", place / "cache/index/tiny-1.0.0.crate"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as members:
        for name, data in {**FILES, ".cargo-ok": b"another"}.items():
            member = tarfile.TarInfo(f"tiny-1.0.0/{name}")
            member.size = len(data)
            members.addfile(member, io.BytesIO(data))
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        link = tarfile.TarInfo("tiny-1.0.0/link")
        link.type, link.linkname = tarfile.SYMTYPE, "nowhere"
        members.addfile(link)
    (root / ".cargo-ok").write_text('{"v":1}')
    return root, archive, hashlib.sha256(archive.read_bytes()).hexdigest()


def refused(root: Path, checksum: str) -> str:
    with pytest.raises(BootwrightError) as raised:
        check_published(root, "tiny 1.0.0", checksum)
    return str(raised.value)


def test_what_was_unpacked_is_what_the_archive_holds(tmp_path: Path) -> None:
    root, _, checksum = unpacked(tmp_path)
    check_published(root, "tiny 1.0.0", checksum)


@pytest.mark.parametrize("how", ["edited", "removed", "a directory"])
def test_a_file_that_is_another_is_named(tmp_path: Path, how: str) -> None:
    root, _, checksum = unpacked(tmp_path)
    file = root / "src" / "lib.rs"
    file.unlink()
    if how == "edited":
        file.write_text("// mine\n")
    elif how == "a directory":
        file.mkdir()
    assert f"{file} is not as tiny 1.0.0 was published" in refused(root, checksum)


def test_a_build_script_that_was_added_is_named(tmp_path: Path) -> None:
    root, _, checksum = unpacked(tmp_path)
    (root / "notes.txt").write_text("mine\n")  # which nobody compiles
    (root / "build.rs").write_text("fn main() {}\n")
    assert f"{root / 'build.rs'} is not of tiny 1.0.0 as it was published" in refused(root, checksum)
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    (root / ".cargo-checksum.json").write_text(json.dumps({"files": sums}))
    assert f"{root / 'build.rs'} is not among the files of" in refused(root, "")
    check_published.cache_clear()
    (root / "build.rs").unlink()
    check_published(root, "tiny 1.0.0", "")


def test_an_archive_that_is_another_or_gone_proves_nothing(tmp_path: Path) -> None:
    root, archive, checksum = unpacked(tmp_path)
    data = archive.read_bytes()
    archive.write_bytes(data[:-1])
    said = refused(root, checksum)
    assert f"{archive} is not tiny 1.0.0: its SHA-256 is {hashlib.sha256(data[:-1]).hexdigest()}" in said
    assert checksum in said and f"rm -r {root} {archive}" in said
    archive.unlink()
    assert f"nothing proves that {root} is tiny 1.0.0: {archive} cannot be read" in refused(root, checksum)


def test_what_was_vendored_is_what_its_list_says(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    listed = tmp_path / ".cargo-checksum.json"
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    listed.write_text(json.dumps({"files": sums}))
    check_published.__wrapped__(tmp_path, "tiny 1.0.0", "")
    (tmp_path / "src" / "lib.rs").unlink()
    said = refused(tmp_path, "")
    assert f"{tmp_path}/src/lib.rs has changed: .cargo-checksum.json lists {sums['src/lib.rs']}" in said
    listed.write_text("{}")
    assert f"{listed} cannot be read" in refused(tmp_path, "")


def test_of_others_nothing_is_listed(tmp_path: Path) -> None:
    check_published(tmp_path, "mine 0.1.0", "")
