"""Media that a kernel can be written to: what is known of one, and the interface that each system serves behind.

linux.py, macos.py and windows.py each offer a System; systems.py alone knows which one it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bootwright.base.errors import BootwrightError, Status


@dataclass(frozen=True)
class Use:
    """Something that uses a device: what lies on it (a partition's or mapping's path) and where it is seen.

    process is the one that sees it where this one does not.
    """

    source: str
    where: str
    process: str = ""


@dataclass(frozen=True)
class Part:
    """One partition, or the whole device where a file system lies on it without a table."""

    path: str
    size: int
    label: str = ""
    filesystem: str = ""


@dataclass(frozen=True)
class Device:
    """A whole disk as the system describes it.

    path is what a person says; size is in bytes (0: no medium); system lists the uses that make it the system's own,
    mounts and swaps the others; holders names what has claimed it (LVM, LUKS, md). whole is the path of the disk
    that a partition belongs to, empty for a disk. writers names the programs that have it open for writing, as far as
    this person may know. identity is whatever changes when another medium takes its place.
    """

    path: str
    bus: str
    size: int
    model: str = ""
    serial: str = ""
    sector_size: int = 512
    read_only: bool = False
    whole: str = ""
    parts: tuple[Part, ...] = ()
    mounts: tuple[Use, ...] = ()
    swaps: tuple[Use, ...] = ()
    holders: tuple[str, ...] = ()
    system: tuple[Use, ...] = ()
    writers: tuple[str, ...] = ()
    identity: tuple[str, ...] = field(default=(), repr=False)

    @property
    def token(self) -> str:
        """What a person types to say that this very device is meant: its serial, or its size in bytes."""
        return self.serial or str(self.size)

    @property
    def token_name(self) -> str:
        """The name of the token."""
        return "serial" if self.serial else "size in bytes"


class Medium(Protocol):
    """An opened device, which nobody else can open. Offsets and lengths are in bytes, whole sectors each.

    Every method raises OSError as the system gives it.
    """

    @property
    def size(self) -> int:
        """How many bytes it says that it has."""

    def read(self, offset: int, length: int) -> memoryview:
        """Returns bytes from the medium itself, no cache between; valid until the next call."""

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Writes all of data."""

    def sync(self) -> None:
        """Returns when the medium has all that was written."""

    def refresh(self) -> None:
        """Flushes and drops every cache, so that the next read is the medium's; another medium is an error.

        The device stays in hand: whoever is woken when a written device is closed must not come in between.
        """

    def close(self) -> None:
        """Lets others have the device."""


class System(Protocol):
    """How one operating system lists, describes, frees and opens disks."""

    def list_disks(self) -> Sequence[Device]:
        """Returns every whole disk."""

    def look(self, path: str) -> Device:
        """Returns what is known of the device at path; raises where there is none or where it is no block device."""

    def unmount(self, device: Device) -> None:
        """Unmounts every mount of the device without force; raises where one is busy."""

    def open(self, device: Device) -> Medium:
        """Opens the device for this process alone; raises where it is busy or no longer the one looked at."""

    def may_write(self, device: Device) -> bool:
        """Tells whether this person may open the device for writing."""


def changed(path: str, what: str) -> BootwrightError:
    """Returns the refusal of a device that is not the one that was looked at."""
    hint = "nothing was written; look again with `scons usb`"
    return BootwrightError(f"{path} is not the device that was looked at: {what}", hint, Status.CHANGED)


def quoted(path: str) -> str:
    """Returns a path as a sentence shows it: in quotes where it has a blank, which would not be seen at its end."""
    return path if path.isprintable() and path and " " not in path else repr(path)
