"""The EFI program, signed for Secure Boot by sbsign. It carries the time, so that two signings differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.procs import run
from bootwright.image.seal import embed, seal


def sign(
    program: Path, kernel: Path, key: Path, certificate: Path, out: Path, sbsign: str, environ: Mapping[str, str],
    inside: bool = False,
) -> None:  # fmt: skip
    """Writes program, sealed for the kernel file alone and signed with key, to out; inside puts the kernel into it."""
    with atomic.new_directory(out) as scratch:
        sealed, signed = scratch / "sealed.efi", scratch / "signed.efi"
        kernel_file = kernel.read_bytes()
        made = seal(program.read_bytes(), kernel_file)
        sealed.write_bytes(embed(made, kernel_file) if inside else made)
        words = ["--key", str(key), "--cert", str(certificate), "--output", str(signed), str(sealed)]
        run([sbsign, *words], env=dict(environ))
        signed.replace(out)
