"""What uses which disk on Linux: mounts of every namespace, swap areas, and programs that have one open for writing.

What is used is followed down: through /sys/dev/block/*/slaves (LVM, LUKS, md), what is behind loop devices, and
btrfs's member lists. A disk that is asked about is followed down alike, since to write to a loop device is to write to
what is behind it. A file behind a loop device counts like a disk of its own.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bootwright.flash.device import Use

LOOP_GET_STATUS64 = 0x4C05  # <linux/loop.h>; device, inode and device number of what is behind come first of 232 bytes
LOOP_STATUS_SIZE = 232


@dataclass(frozen=True)
class Places:
    """Where the kernel tells things; a test has a tree of its own."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")


@dataclass(frozen=True)
class Usage:
    """A use, its kind (mount or swap), and the names of the disks and files that it rests on."""

    use: Use
    kind: str
    disks: frozenset[str]


class LinuxUses:
    """Reads /sys and /proc once asked; keeps nothing."""

    def __init__(self, places: Places) -> None:
        self._at = places

    def node(self, rdev: int) -> Path | None:
        """Returns the sysfs directory of a device number, None where there is no such block device."""
        link = self._at.sys / "dev" / "block" / f"{os.major(rdev)}:{os.minor(rdev)}"
        return link.resolve() if link.exists() else None

    def uses(self) -> Iterator[Usage]:
        """Yields every mount and swap area."""
        for major_minor, use in self._mounts():
            disks = {disk for node in self._nodes_of(major_minor, use.source) for disk in self.under(node)}
            if disks:
                yield Usage(use, "mount", frozenset(disks))
        for line in self._text(self._at.proc / "swaps").splitlines()[1:]:
            path = _unescape(line.split()[0])
            node = self._block_node(path)
            disks = set(self.under(node)) if node else self._disks_of_file(path)
            yield Usage(Use(path, "swap"), "swap", frozenset(disks))

    def under(self, node: Path) -> Iterator[str]:
        """Yields the names of the whole disks and files that a device lies on, its own disk included."""
        for lower in self.nodes_under(node):
            yield _whole(lower).name
            yield from self._file_behind(_whole(lower))

    def nodes_under(self, node: Path, seen: frozenset[Path] = frozenset()) -> Iterator[Path]:
        """Yields a device and those that it lies on, partitions as such."""
        if node in seen:
            return
        yield node
        whole = _whole(node)
        below = [path.resolve() for n in {node, whole} if (n / "slaves").is_dir() for path in (n / "slaves").iterdir()]
        behind = self._device_behind(whole)
        for next_node in [*below, *([behind] if behind else [])]:
            yield from self.nodes_under(next_node, seen | {node})

    def writers(self, nodes: Iterable[Path]) -> list[str]:
        """Returns the programs, "name (pid)", that have one of the devices, or the file behind one, open to write."""
        numbers = {self._text(node / "dev") for node in nodes}
        files = {name for node in nodes for name in self._file_behind(_whole(node))}
        paths = {self._text(_whole(node) / "loop" / "backing_file") for node in nodes} - {""}
        found = {}
        for process in self._processes():
            with suppress(OSError):
                for link in (process / "fd").iterdir():
                    # Only what may be meant is looked at: a file of a dead server would be waited for.
                    target = _link(link)
                    if (target.startswith("/dev/") or target in paths) and _is_writable(process / "fdinfo" / link.name):
                        facts = link.stat()
                        device = f"{os.major(facts.st_rdev)}:{os.minor(facts.st_rdev)}"
                        is_device = stat.S_ISBLK(facts.st_mode) and device in numbers
                        if is_device or _file_name(facts.st_dev, facts.st_ino) in files:
                            found[process.name] = f"{self._text(process / 'comm')} ({process.name})"
        return [found[pid] for pid in sorted(found, key=int)]

    def _processes(self) -> list[Path]:
        """Returns the directories of all processes but this one."""
        own = str(os.getpid())
        return [path for path in self._at.proc.iterdir() if path.name.isdecimal() and path.name != own]

    def _mounts(self) -> Iterator[tuple[str, Use]]:
        """Yields device number and use of each mount here, and of each device mounted in other namespaces.

        Copies of what is mounted here are passed over: they go when it is unmounted here, or are seen then.
        """
        seen: set[str] = set()
        for number, source, where in _read_mounts(self._text(self._at.proc / "self" / "mountinfo")):
            seen.add(number)
            yield number, Use(source, where)
        namespaces = {_link(self._at.proc / "self" / "ns" / "mnt")}
        for process in self._processes():
            namespace = _link(process / "ns" / "mnt")  # empty where this person may not know it
            if namespace and namespace in namespaces:
                continue
            namespaces.add(namespace)
            new = set()
            for number, source, where in _read_mounts(self._text(process / "mountinfo")):
                if number not in seen:
                    new.add(number)
                    yield number, Use(source, where, process.name)
            seen |= new

    def _nodes_of(self, major_minor: str, source: str) -> list[Path]:
        """Returns the devices under a mount; btrfs has a number of its own and several members."""
        link = self._at.sys / "dev" / "block" / major_minor
        nodes = [link.resolve()] if link.exists() else []
        nodes += [node for path in source.split(":") if (node := self._block_node(path))]
        for members in (self._at.sys / "fs" / "btrfs").glob("*/devices"):
            found = [member.resolve() for member in members.iterdir()]
            if set(found) & set(nodes):
                nodes += found
        return nodes

    def _block_node(self, path: str) -> Path | None:
        """Returns the sysfs directory of the block device at path, None where there is none."""
        if not path.startswith("/"):
            return None
        with suppress(OSError):
            facts = Path(path).stat()
            node = self.node(facts.st_rdev) if stat.S_ISBLK(facts.st_mode) else None
            if node or not path.startswith("/dev/"):
                return node
        named = self._at.sys / "class" / "block" / Path(path).name
        return named.resolve() if path.startswith("/dev/") and named.exists() else None

    def _disks_of_file(self, path: str) -> set[str]:
        """Returns the file itself, and the disks under the file system that holds it."""
        names: set[str] = set()
        with suppress(OSError):
            facts = Path(path).stat()
            names.add(_file_name(facts.st_dev, facts.st_ino))
        best = max(
            (m for m in self._mounts() if not m[1].process and _lies_below(path, m[1].where)),
            key=lambda m: len(m[1].where),
            default=None,
        )
        if best is None:
            return names
        return names | {disk for node in self._nodes_of(best[0], best[1].source) for disk in self.under(node)}

    def _device_behind(self, whole: Path) -> Path | None:
        """Returns the device behind a loop device, None where it is no loop device or has a file behind it."""
        backing = self._text(whole / "loop" / "backing_file")
        if not backing:
            return None
        facts = self._loop_facts(whole)
        # The kernel knows it by its number, whatever became of the name that it was given by.
        return (self.node(facts[2]) if facts and facts[2] else None) or self._block_node(backing)

    def _file_behind(self, whole: Path) -> Iterator[str]:
        """Yields the name of the file behind a loop device, where there is one."""
        backing = self._text(whole / "loop" / "backing_file")
        if not backing or self._device_behind(whole):
            return
        if facts := self._loop_facts(whole):
            yield _file_name(facts[0], facts[1])
            return
        with suppress(OSError):
            found = Path(backing).stat()
            yield _file_name(found.st_dev, found.st_ino)

    def _loop_facts(self, whole: Path) -> tuple[int, int, int] | None:
        """Returns device and inode of what is behind a loop device, and its own device number; None for who may not."""
        import fcntl

        try:
            descriptor = os.open(self._at.dev / whole.name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            facts = fcntl.ioctl(descriptor, LOOP_GET_STATUS64, bytes(LOOP_STATUS_SIZE))
        except OSError:
            return None
        finally:
            os.close(descriptor)
        device, inode, number = struct.unpack_from("=QQQ", facts)
        return device, inode, number

    def _text(self, path: Path) -> str:
        return read_text(path)


def read_text(path: Path) -> str:
    """Returns what a file of /sys or /proc says; empty where there is none, or it is not for this person."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _whole(node: Path) -> Path:
    return node.parent if (node / "partition").exists() else node


def _lies_below(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/")


def _file_name(device: int, inode: int) -> str:
    """Returns what a file is called among disks."""
    return f"file {device}:{inode}"


def _link(path: Path) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115  # of /proc: no path, but the name of a namespace, or of what was one
    except OSError:
        return ""


def _is_writable(fdinfo: Path) -> bool:
    """Tells whether a descriptor may write: flags are octal there, the access mode their last two bits."""
    found = re.search(r"^flags:\s*([0-7]+)$", read_text(fdinfo), re.MULTILINE)
    return found is not None and int(found[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _read_mounts(text: str) -> Iterator[tuple[str, str, str]]:
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, last = left.split(), right.split()
        if len(fields) > 4 and len(last) > 1:
            yield fields[2], _unescape(last[1]), _unescape(fields[4])


def _unescape(text: str) -> str:
    """Returns a path of mountinfo or /proc/swaps, where a blank is \\040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
