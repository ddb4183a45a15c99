"""OVMF, the UEFI firmware for QEMU: where distributions and QEMU itself keep it, and how a machine gets it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError, LackOfProgram, Lacks, Status
from bootwright.base.records import record, replace
from bootwright.image.efi_variables import write_store
from bootwright.machine.options import read_options
from bootwright.machine.qemu import data_directories
from bootwright.storage.keys import keys_directory, made_keys, read_certificate
from bootwright.storage.store import default_root

NAME = "ovmf"

# Its code and the template of its variables, from a directory of shared data on; without Secure Boot.
_PLACES = (
    ("OVMF/OVMF_CODE_4M.fd", "OVMF/OVMF_VARS_4M.fd"),  # Debian, Ubuntu
    ("OVMF/OVMF_CODE.fd", "OVMF/OVMF_VARS.fd"),  # before 2023, and Alpine
    ("edk2/ovmf/OVMF_CODE.fd", "edk2/ovmf/OVMF_VARS.fd"),  # Fedora
    ("edk2/x64/OVMF_CODE.4m.fd", "edk2/x64/OVMF_VARS.4m.fd"),  # Arch
    ("edk2-ovmf/x64/OVMF_CODE.fd", "edk2-ovmf/x64/OVMF_VARS.fd"),  # before 2024
    ("qemu/ovmf-x86_64-4m-code.bin", "qemu/ovmf-x86_64-4m-vars.bin"),  # openSUSE
    ("qemu/ovmf-x86_64-code.bin", "qemu/ovmf-x86_64-vars.bin"),
)
# Builds with Secure Boot, which keep their variables by SMM, each with a template that has no keys.
_SECURE_PLACES = (
    ("OVMF/OVMF_CODE_4M.secboot.fd", "OVMF/OVMF_VARS_4M.fd"),  # Debian, Ubuntu
    ("OVMF/OVMF_CODE.secboot.fd", "OVMF/OVMF_VARS.fd"),
    ("edk2/ovmf/OVMF_CODE.secboot.fd", "edk2/ovmf/OVMF_VARS.fd"),  # Fedora
    ("edk2/x64/OVMF_CODE.secboot.4m.fd", "edk2/x64/OVMF_VARS.4m.fd"),  # Arch
    ("edk2-ovmf/x64/OVMF_CODE.secboot.fd", "edk2-ovmf/x64/OVMF_VARS.fd"),
    ("qemu/ovmf-x86_64-smm-code.bin", "qemu/ovmf-x86_64-smm-vars.bin"),  # openSUSE
)
# QEMU's own build, in its directory of data: Homebrew, Nix and Windows have it.
_OF_QEMU = ("edk2-x86_64-code.fd", "edk2-i386-vars.fd")
_SECURE_OF_QEMU = ("edk2-x86_64-secure-code.fd", "edk2-i386-vars.fd")
# The machine that such a build wants, beside its being q35.
SMM_MACHINE = "smm=on"
_SMM_FLASH = ("-global", "driver=cfi.pflash01,property=secure,value=on")
_SHARED = (Path("/usr/share"), Path("/usr/local/share"))


@record(frozen=True)
class Ovmf:
    """The two files that a machine's flash holds; the second is a template, which is never written to."""

    code: Path
    variables: Path
    secure: bool = False

    def arguments(self) -> list[str]:
        """Returns QEMU's arguments: what the firmware writes into its variables goes when the machine ends."""
        code, variables = (str(path.absolute()).replace(",", ",,") for path in (self.code, self.variables))
        flash = "if=pflash,format=raw"
        drives = f"{flash},unit=0,readonly=on,file={code}", f"{flash},unit=1,snapshot=on,file={variables}"
        return [*(_SMM_FLASH if self.secure else ()), "-drive", drives[0], "-drive", drives[1]]


def find_ovmf(qemu: Path | None, shared: Sequence[Path] = _SHARED, secure: bool = False) -> Ovmf:
    """Returns the firmware that lies beside QEMU's data, then the system's, then QEMU's own.

    With secure it is one that has Secure Boot, and no keys yet. Beside QEMU's data first: a QEMU that is not the
    system's, such as the one of the person's own programs, brought it.
    """
    for ovmf in _found(qemu, shared, secure):
        return ovmf
    if secure:
        raise BootwrightError("no OVMF with Secure Boot was found", status=Status.QEMU_NOT_STARTED)
    raise Lacks("no OVMF was found, the UEFI firmware for QEMU", LackOfProgram(NAME), "", Status.QEMU_NOT_STARTED)


def find_releases(qemu: Path | None, shared: Sequence[Path] = _SHARED) -> list[Ovmf]:
    """Returns each OVMF without Secure Boot that there is, the one of find_ovmf first; of the same bytes one."""
    releases = [find_ovmf(qemu, shared)]
    known = {file_digest(releases[0].code)}
    for ovmf in _found(qemu, shared, False):
        digest = file_digest(ovmf.code)
        if digest not in known:
            known.add(digest)
            releases.append(ovmf)
    return releases


def _found(qemu: Path | None, shared: Sequence[Path], secure: bool) -> Iterator[Ovmf]:
    data = data_directories(qemu) if qemu else ()
    places = [*(directory.parent for directory in data), *shared]
    names, (own_code, own_variables) = (_SECURE_PLACES, _SECURE_OF_QEMU) if secure else (_PLACES, _OF_QEMU)
    pairs = [(place / code, place / variables) for place in places for code, variables in names]
    pairs += [(directory / own_code, directory / own_variables) for directory in data]
    for code, variables in pairs:
        if code.is_file() and variables.is_file():
            yield Ovmf(code, variables, secure)


def with_keys(ovmf: Ovmf, certificate: Path | None) -> Ovmf:
    """Returns the firmware with Secure Boot on, which takes what is signed by certificate's key, else by the made ones.

    Its variables are a file in the person's cache, named after what is in it.
    """
    directory = keys_directory(os.environ)
    if certificate is None:
        certificate = made_keys(directory)[1]
    signer = read_certificate(certificate)
    own = {role: directory / f"{role}.cer" for role in ("PK", "KEK")}
    data = write_store(
        ovmf.variables,
        {"db": [signer], **{role: [path.read_bytes() if path.is_file() else signer] for role, path in own.items()}},
    )
    path = default_root() / "firmware" / f"{hashlib.sha256(data).hexdigest()[:32]}.fd"
    if not path.is_file() or path.read_bytes() != data:
        with atomic.new_file(path) as made:
            made.write_bytes(data)
    return replace(ovmf, variables=path)


def is_chosen(flags: Sequence[str]) -> bool:
    """Tells whether the person's arguments for QEMU bring a firmware of their own."""
    options = list(read_options(flags))
    return any(option.name in ("-bios", "-pflash") for option in options) or any(
        option.name == "-drive" and "if=pflash" in option.value.split(",") for option in options
    )
