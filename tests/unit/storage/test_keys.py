"""The person's keys for Secure Boot: made once, readable by nobody else, and put into the firmware's store."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.image import efi_variables
from bootwright.image.efi_variables import write_store
from bootwright.storage import keys


@pytest.mark.needs("openssl")
def test_keys_are_made_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / "config" / "keys"
    with pytest.raises(BootwrightError, match="has no keys"):
        keys.made_keys(directory)
    assert keys.make_keys(directory, "openssl", os.environ)
    made = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert sorted(made) == sorted(f"{role}.{kind}" for role in ("PK", "KEK", "db") for kind in ("key", "crt", "cer"))
    assert len(set(made.values())) == 9
    for role in ("PK", "KEK", "db"):
        assert stat.S_IMODE((directory / f"{role}.key").stat().st_mode) == 0o600
        assert keys.read_certificate(directory / f"{role}.crt") == made[f"{role}.cer"]
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not keys.make_keys(directory, "openssl", os.environ)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == made
    assert [path.name for path in directory.parent.iterdir()] == ["keys"]
    (directory / "KEK.key").unlink()
    with pytest.raises(BootwrightError, match=r"is there, but not KEK\.key"):
        keys.make_keys(directory, "openssl", os.environ)
    assert not (directory / "KEK.key").exists()


@pytest.mark.needs("openssl")
def test_nobody_else_may_read_a_key_while_it_is_being_made(tmp_path: Path) -> None:
    watching, seen = tmp_path / "openssl", tmp_path / "seen"
    look = 'for word; do case "$word" in *.key) stat -c %a "$word" "${word%/*}";; esac; done'
    watching.write_text(f'#!/bin/sh\n({look}) >> "{seen}"\nexec openssl "$@"\n')
    watching.chmod(0o755)
    before = os.umask(0)
    try:
        keys.make_keys(tmp_path / "keys", str(watching), os.environ)
    finally:
        os.umask(before)
    assert seen.read_text().split() == ["600", "700"] * 3


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.crt").write_text("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(BootwrightError, match=r"x\.crt holds no certificate"):
        keys.read_certificate(tmp_path / "x.crt")


def template(size: int = 8192, first: bytes = b"") -> bytes:
    """Returns a volume with a store of authenticated variables, of which first is one."""
    head = bytes(16) + bytes(16) + struct.pack("<Q4sIHHHBB", size, b"_FVH", 0, 72, 0, 0, 0, 2) + bytes(16)
    store = struct.pack("<16sIBB6x", efi_variables._AUTHENTICATED_STORE.bytes_le, size - 72, 0x5A, 0xFE)
    return (head + store + first).ljust(size, b"\xff")


def read_store(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Returns attributes and data of each variable, in their order."""
    found, at = {}, 72 + 28
    while data[at : at + 2] == b"\xaa\x55":
        state, attributes, name_size, data_size = struct.unpack_from("<2xBxI28xII", data, at)
        assert state == 0x3F
        name = data[at + 60 : at + 60 + name_size].decode("utf-16-le").rstrip("\0")
        found[name] = (attributes, data[at + 60 + name_size :][:data_size])
        at += -(-(60 + name_size + data_size) // 4) * 4
    assert set(data[at:]) <= {0xFF}
    return found


def test_the_store_has_all_keys_and_secure_boot_on_behind_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "VARS.fd"
    first = efi_variables._variable("Lang", efi_variables._GLOBAL, 7, b"eng")
    path.write_bytes(template(first=first))
    der = {"PK": [b"0platform"], "KEK": [b"0exchange"], "db": [b"0one", b"0other"]}
    variables = read_store(write_store(path, der))
    assert list(variables) == ["Lang", "db", "KEK", "PK", "SecureBootEnable"]
    assert variables["SecureBootEnable"] == (3, b"\1")
    for role, certificates in der.items():
        attributes, data = variables[role]
        assert attributes == 0x27
        for certificate in certificates:
            size = 16 + len(certificate)
            assert struct.unpack_from("<III", data, 16) == (28 + size, 0, size)
            assert data[44 : 28 + size] == certificate
            data = data[28 + size :]
        assert data == b""


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (bytes(8192), "is no store of a firmware's variables"),
        (template(256), "bytes left; the keys take"),
        (template().replace(efi_variables._AUTHENTICATED_STORE.bytes_le, bytes(16)), "has no room for the keys"),
    ],
    ids=["none", "full", "without signatures"],
)
def test_what_is_no_template_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "VARS.fd"
    path.write_bytes(content)
    with pytest.raises(BootwrightError, match=sentence):
        write_store(path, {"PK": [b"0" * 90], "KEK": [b"0" * 90], "db": [b"0" * 90]})


KEY, CERTIFICATE = (f"-----BEGIN {label}-----\nx\n" for label in ("PRIVATE KEY", "CERTIFICATE"))


@pytest.mark.parametrize(
    ("key", "certificate", "told"),
    [
        (None, CERTIFICATE, "SIGN_KEY={}/k: there is no such file"),
        (KEY, None, "SIGN_CERT={}/c: there is no such file"),
        ("host\n", CERTIFICATE, "SIGN_KEY={}/k: it holds no private key in PEM's form"),
        (CERTIFICATE, KEY, "SIGN_KEY={}/k: it holds no private key in PEM's form"),
        (KEY, KEY, "SIGN_CERT={}/c: it holds no certificate in PEM's form"),
        (KEY, "0\x82", "SIGN_CERT={}/c: it holds no certificate in PEM's form\n  hint: `openssl x509 -in FILE -inform"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", CERTIFICATE, "SIGN_KEY={}/k: the key has a passphrase"),
        ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", CERTIFICATE, "SIGN_KEY={}/k: the key has a pass"),
    ],
)
def test_what_is_no_key_is_told_before_a_build(
    tmp_path: Path, key: str | None, certificate: str | None, told: str
) -> None:
    for name, text in (("k", key), ("c", certificate)):
        if text is not None:
            (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(BootwrightError) as caught:
        keys.given_keys(tmp_path / "k", tmp_path / "c")
    assert str(caught.value).startswith(told.format(tmp_path))


@pytest.mark.parametrize("label", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"])
def test_a_key_of_any_form_of_pem_is_taken(tmp_path: Path, label: str) -> None:
    files = (tmp_path / "k", tmp_path / "c")
    files[0].write_text(f"Bag Attributes\n-----BEGIN {label}-----\n")
    files[1].write_text(CERTIFICATE)
    assert keys.given_keys(*files) == files
