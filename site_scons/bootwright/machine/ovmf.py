"""OVMF, the UEFI firmware for QEMU: where distributions and QEMU itself keep it, and how a machine gets it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bootwright.base.errors import LackOfProgram, Lacks, Status
from bootwright.base.records import record
from bootwright.machine.options import read_options
from bootwright.machine.qemu import data_directories

BIOS, UEFI = "bios", "uefi"
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
# QEMU's own build, in its directory of data: Homebrew, Nix and Windows have it.
_OF_QEMU = ("edk2-x86_64-code.fd", "edk2-i386-vars.fd")
_SHARED = (Path("/usr/share"), Path("/usr/local/share"))


@record(frozen=True)
class Ovmf:
    """The two files that a machine's flash holds; the second is a template, which is never written to."""

    code: Path
    variables: Path

    def arguments(self) -> list[str]:
        """Returns QEMU's arguments: what the firmware writes into its variables goes when the machine ends."""
        code, variables = (str(path.absolute()).replace(",", ",,") for path in (self.code, self.variables))
        flash = "if=pflash,format=raw"
        drives = f"{flash},unit=0,readonly=on,file={code}", f"{flash},unit=1,snapshot=on,file={variables}"
        return ["-drive", drives[0], "-drive", drives[1]]


def find_ovmf(qemu: Path | None, shared: Sequence[Path] = _SHARED) -> Ovmf:
    """Returns the firmware that lies beside QEMU's data, then the system's, then QEMU's own.

    Beside QEMU's data first: a QEMU that is not the system's, such as the one of the person's own programs, brought it.
    """
    data = data_directories(qemu) if qemu else ()
    places = [*(directory.parent for directory in data), *shared]
    pairs = [(place / code, place / variables) for place in places for code, variables in _PLACES]
    pairs += [(directory / _OF_QEMU[0], directory / _OF_QEMU[1]) for directory in data]
    for code, variables in pairs:
        if code.is_file() and variables.is_file():
            return Ovmf(code, variables)
    raise Lacks("no OVMF was found, the UEFI firmware for QEMU", LackOfProgram(NAME), "", Status.QEMU_NOT_STARTED)


def is_chosen(flags: Sequence[str]) -> bool:
    """Tells whether the person's arguments for QEMU bring a firmware of their own."""
    options = list(read_options(flags))
    return any(option.name in ("-bios", "-pflash") for option in options) or any(
        option.name == "-drive" and "if=pflash" in option.value.split(",") for option in options
    )
