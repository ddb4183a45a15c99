"""The person's own keys for Secure Boot: PK, KEK and db, made once by openssl and never overwritten."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.base.procs import run
from bootwright.base.regular import check_named, read_bytes

ROLES = {"PK": "platform key", "KEK": "key exchange key", "db": "signature database"}
DAYS = 20 * 365
BITS = 2048  # what every firmware takes


def keys_directory(environ: Mapping[str, str]) -> Path:
    """Returns where the person's keys are, for all checkouts: no build directory, which `scons -c` empties."""
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home(), ".config")
    return Path(base, "bootwright", "keys")


def made_keys(directory: Path) -> tuple[Path, Path]:
    """Returns key and certificate that sign; raises where there are none."""
    key, certificate = directory / "db.key", directory / "db.crt"
    if not (key.is_file() and certificate.is_file()):
        raise BootwrightError(f"{directory} has no keys", "`scons keys` makes them")
    return key, certificate


def given_keys(key: Path, certificate: Path) -> tuple[Path, Path]:
    """Returns the files of SIGN_KEY= and SIGN_CERT=; raises for one that sbsign would not take, or would ask about."""
    for name, path, what, labels in (
        ("SIGN_KEY", key, "private key", rb"(?:RSA |EC |)PRIVATE KEY|ENCRYPTED PRIVATE KEY"),
        ("SIGN_CERT", certificate, "certificate", rb"(?:X509 |TRUSTED |)CERTIFICATE"),
    ):
        check_named(path, name)
        data = read_bytes(path)
        found = re.search(rb"-----BEGIN (" + labels + rb")-----", data)
        if found is None:
            program = "openssl pkey" if path == key else "openssl x509"
            hint = f"`{program} -in FILE -inform der -out OTHER` makes it of DER" if data[:1] == b"0" else ""
            raise BootwrightError(f"{name}={path}: it holds no {what} in PEM's form", hint)
        if found[1].startswith(b"ENCRYPTED") or b"Proc-Type: 4,ENCRYPTED" in data:
            hint = "`openssl pkey -in FILE -out OTHER` writes one without; nobody is asked while a build runs"
            raise BootwrightError(f"{name}={path}: the key has a passphrase", hint)
    return key, certificate


def make_keys(directory: Path, openssl: str, environ: Mapping[str, str]) -> bool:
    """Makes the three keys, each with a certificate as PEM and as DER; False where the directory is there already.

    It appears whole or not at all, and nobody but its owner may read a key.
    """
    if directory.exists():
        missing = [f"{role}.{kind}" for role in ROLES for kind in ("key", "crt", "cer")
                   if not (directory / f"{role}.{kind}").is_file()]  # fmt: skip
        if missing:
            raise BootwrightError(f"{directory} is there, but not {', '.join(missing)}", "nothing of it is overwritten")
        return False
    with atomic.new_directory(directory) as scratch:
        scratch.chmod(0o700)
        for role, purpose in ROLES.items():
            key, certificate = scratch / f"{role}.key", scratch / f"{role}.crt"
            key.touch(mode=0o600)
            words = ["req", "-new", "-x509", "-newkey", f"rsa:{BITS}", "-noenc", "-sha256", "-days", str(DAYS)]
            words += ["-subj", f"/CN=bootwright {purpose}/", "-keyout", str(key), "-out", str(certificate)]
            run([openssl, *words], env=dict(environ))
            key.chmod(0o600)
            (scratch / f"{role}.cer").write_bytes(read_certificate(certificate))
        os.rename(scratch, directory)  # noqa: PTH104  # which fails where somebody was quicker
        scratch.mkdir()  # for its end
    return True


def read_certificate(path: Path) -> bytes:
    """Returns the first certificate in a file, as DER; raises for a file without one."""
    data = read_bytes(path)
    if not data.startswith(b"-----") and data[:1] == b"\x30":
        return data
    text = data.decode("ascii", errors="replace")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    try:
        import ssl  # which is slow to import

        return ssl.PEM_cert_to_DER_cert(text[text.index(begin) : text.index(end) + len(end)])
    except ValueError as error:
        raise BootwrightError(f"{path} holds no certificate") from error
