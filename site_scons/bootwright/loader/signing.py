"""The EFI program, signed for Secure Boot by sbsign. It carries the time, so that two signings differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.procs import run
from bootwright.image.seal import seal


def sign(
    program: Path, kernel: Path, key: Path, certificate: Path, out: Path, sbsign: str, environ: Mapping[str, str]
) -> None:
    """Writes program, sealed for the kernel file alone and signed with key, to out."""
    with atomic.new_directory(out) as scratch:
        sealed, signed = scratch / "sealed.efi", scratch / "signed.efi"
        sealed.write_bytes(seal(program.read_bytes(), kernel.read_bytes()))
        words = ["--key", str(key), "--cert", str(certificate), "--output", str(signed), str(sealed)]
        run([sbsign, *words], env=dict(environ))
        signed.replace(out)
