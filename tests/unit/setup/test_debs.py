"""What is read of apt's answers, and that a file is taken only if it is the one that the lists mean."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.setup import debs, installer
from bootwright.setup.apt import Archive
from bootwright.setup.installer import Ended
from bootwright.setup.private_programs import system_of
from bootwright.setup.unpacking import is_program

DIGEST = hashlib.sha256(b"the package").hexdigest()
LINE = f"'http://an.archive/pool/l/lld_1%3a22_amd64.deb' lld-22_1%3a22_amd64.deb 11 SHA256:{DIGEST}\n"


def test_a_line_of_print_uris_is_a_package() -> None:
    said = f"Reading package lists...\n{LINE}Building dependency tree...\n"
    assert debs.read_uris(said) == [debs.Deb("lld-22", "lld-22_1%3a22_amd64.deb", 11, DIGEST)]


@pytest.mark.parametrize("digest", ["", "MD5Sum:aa619fbc1364cbd6cef299669f4ff2c3", "SHA256:cut", f"SHA1:{DIGEST}"])
def test_a_package_without_a_digest_that_holds_is_refused(digest: str) -> None:
    with pytest.raises(BootwrightError, match="gives no SHA-256 of"):
        debs.read_uris(LINE.replace(f"SHA256:{DIGEST}", digest))


@pytest.mark.parametrize("content", [b"another one", None], ids=["another file", "no file"])
def test_a_file_that_is_not_the_one_meant_is_refused_whoever_let_it_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    deb = debs.read_uris(LINE)[0]

    def fetch(argv: list[str], environ: object, progress: object) -> Ended:
        assert argv[-1] == "lld-22"
        if content is not None:
            (tmp_path / deb.file).write_bytes(content)
        return Ended(0, ())

    monkeypatch.setattr(installer, "watch", fetch)
    with pytest.raises(BootwrightError, match="is not what the archive's lists say"):
        debs.download(Archive({}), [deb], tmp_path)


@pytest.mark.parametrize(
    ("os_release", "name"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "debian_12_amd64"),
        ('ID=ubuntu\nVERSION_ID="24.04"\nID_LIKE=debian\n', "ubuntu_24.04_amd64"),
        ("ID=debian\nVERSION_CODENAME=forky\n", "debian_forky_amd64"),
        ('ID="linux/mint"\n', "linuxmint_rolling_amd64"),
        ("", "linux_rolling_amd64"),
    ],
)
def test_programs_are_kept_apart_by_release_and_architecture(os_release: str, name: str) -> None:
    assert system_of(os_release, "amd64") == name


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"\x7fELF\x02\x01" + bytes(58), b"\x7fELF\x01\x01" + bytes(90)])
def test_a_file_that_is_hardly_an_elf_is_no_program(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert not is_program(tmp_path / "file")
