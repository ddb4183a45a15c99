"""What the rows of a matrix boot: a kernel as a disk, signed as well, on an SD card, and in a server's folder."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.records import record
from bootwright.base.sizes import MIB
from bootwright.flash.content import Content, Image
from bootwright.image import disk
from bootwright.image.blocks import copy_sparse, write_at
from bootwright.image.kernel_file import enlarge
from bootwright.image.seal import embed
from bootwright.loader.signing import sign
from bootwright.storage.keys import made_keys, make_keys

LARGE = 16 * MIB  # bytes behind a kernel's ELF: what a kernel with much data has to be read


@record(frozen=True)
class Medium:
    """One kernel: its disk, its kernel file, and its disk with a signed EFI program, where rows ask for one.

    served is the folder of a TFTP server: NAME.pxe, NAME.kernel, NAME.efi, and signed NAME-signed.efi.
    """

    name: str
    image: Path
    kernel: Path
    served: Path
    signed: Path | None = None

    def file_for(self, firmware: str) -> Path:
        """Returns the file that a machine without a disk asks the server for."""
        return self.served / (self.name + {"bios": ".pxe", "secure": "-signed.efi"}.get(firmware, ".efi"))


@record(frozen=True)
class Maker:
    """What disks are made of: the loader's files in the order of disk.Loaders, and where all that is made lies.

    network is the loader's file for a BIOS without a disk.
    """

    loaders: tuple[Path, ...]
    network: Path
    directory: Path

    @property
    def keys(self) -> Path:
        """The keys that sign for these machines alone: a person's own are for the person's machines."""
        return self.directory / "keys"

    def medium(self, name: str, kernel: Path, image: Path | None, signs: bool, environ: Mapping[str, str]) -> Medium:
        """Returns the disks of a kernel file; image is the one that is there already. signs asks for a signed one."""
        path = self.directory / f"{name}.img"
        if image is None:
            self._write(name, kernel, self.loaders)
        else:  # a build may make another one while rows boot
            with atomic.new_file(path) as made:
                copy_sparse(image, made)
        image = path
        served = self.directory / "served"
        served.mkdir(exist_ok=True)
        kernel_file, program = kernel.read_bytes(), self.loaders[-1]
        for suffix, data in (
            (".pxe", self.network.read_bytes()), (".kernel", kernel_file),
            (".efi", embed(program.read_bytes(), kernel_file)),
        ):  # fmt: skip
            with atomic.new_file(served / f"{name}{suffix}") as made:
                made.write_bytes(data)
        if not signs:
            return Medium(name, image, served / f"{name}.kernel", served)
        make_keys(self.keys, "openssl", environ)
        efi, pair = self.directory / f"{name}.efi", made_keys(self.keys)
        sign(program, kernel, *pair, efi, "sbsign", environ)
        sign(program, kernel, *pair, served / f"{name}-signed.efi", "sbsign", environ, inside=True)
        signed = self._write(f"{name}-signed", kernel, (*self.loaders[:-1], efi))
        return Medium(name, image, served / f"{name}.kernel", served, signed)

    def larger(self, kernel: Path) -> Path:
        """Returns a kernel file like kernel, with LARGE bytes by lot behind its ELF, which loaders read and sum up."""
        path = self.directory / "large.kernel"
        more = random.Random(LARGE).randbytes(LARGE)
        with atomic.new_file(path) as made:
            made.write_bytes(enlarge(kernel.read_bytes(), more, str(kernel)))
        return path

    def _write(self, name: str, kernel: Path, loaders: tuple[Path, ...]) -> Path:
        path = self.directory / f"{name}.img"
        with atomic.new_file(path) as made:
            disk.write_image(made, name, disk.Loaders(*(file.read_bytes() for file in loaders)), kernel.read_bytes())
        return path


def copy_for(bus: str, image: Path, out: Path) -> None:
    """Copies image to out as the medium of that bus: the sizes of SD cards are powers of two."""
    if bus != "sd":
        copy_sparse(image, out)
        return
    size = 1 << (image.stat().st_size - 1).bit_length()
    with Image(image) as source, out.open("wb") as stream:
        content = Content(source, size)
        for offset, length in content.pieces():
            data = content.read(offset, length)
            if any(data):
                write_at(stream, offset, data)
        stream.truncate(size)
        os.fsync(stream.fileno())
