"""A small Linux for the flasher's tests: Debian's kernel and udev, and of this machine Python and a few programs.

    vmlinuz, initrd = build(directory)

Kernel and udev are fetched as packages by apt-get and unpacked, never installed. The initrd is a cpio archive in which
/init is guest_init.py, run by this machine's Python.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile

HOME = Path(__file__).parents[2]
META = {
    "linux-image-amd64": r"linux-image-\d",
    "linux-image-generic": r"linux-(image|modules)-\d",
}  # Debian's, Ubuntu's
MODULES = ("xhci_pci", "usb_storage", "sd_mod", "loop", "dm_mod", "ext4")
PROGRAMS = ("lsblk", "blkid", "mount", "umount", "losetup", "dmsetup", "mkfs.ext4", "sh", "mkdir", "sleep")
UDEV = ("udevadm", "systemd-udevd")
RULES = ("50-udev-default.rules", "60-block.rules", "60-persistent-storage.rules")
IMPORTS = (
    "import ctypes, subprocess, selectors, json, tty, termios, fcntl, grp, pwd, select, hashlib, "
    "bootwright.flash.program, bootwright.flash.linux, bootwright.flash.linux_medium, "
    "bootwright.base.terminal, bootwright.base.called"  # and what is imported where it is needed alone
)
PACKAGES = ("udev", "libkmod2", "libudev1", "dmsetup", "libdevmapper1.02.1")
KERNEL_PARTS = re.compile(r"/kernel/(drivers/(usb|scsi|block|md|ata)|fs|lib|crypto|block|arch)/")


class Missing(Exception):
    """Something of the guest cannot be had here; the text says what."""


def fetch(cache: Path) -> Path:
    """Returns the directory that the packages of a kernel and of udev are unpacked in, for all runs on this machine."""
    system = cache / "system"
    if system.is_dir():
        return system
    if shutil.which("apt-get") is None:
        raise Missing("no apt-get, which brings a kernel and udev for the guest")
    cache.mkdir(parents=True, exist_ok=True)
    said = "there is none"
    for attempt in range(2):
        names = [*kernel_packages(), *PACKAGES]
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            done = subprocess.run(["apt-get", "download", *names], cwd=scratch, capture_output=True, text=True)
            if len(names) > len(PACKAGES) and done.returncode == 0:
                unpack(sorted(Path(scratch).glob("*.deb")), Path(scratch, "system"))
                with contextlib.suppress(OSError):  # another process was the first
                    Path(scratch, "system").rename(system)
                return system
            said = (done.stderr.strip().splitlines() or [said])[-1]
        if attempt == 0:  # the lists may be old, or may have been removed
            subprocess.run(["apt-get", "update"], capture_output=True, check=False)
    raise Missing(f"apt-get does not bring a kernel for the guest: {said}")


def kernel_packages() -> list[str]:
    """Returns the names of the packages that this distribution's usual kernel is."""
    for meta, pattern in META.items():
        said = subprocess.run(["apt-cache", "depends", meta], capture_output=True, text=True).stdout
        found = [name for name in re.findall(r"Depends: (\S+)", said) if re.match(pattern, name)]
        if found:
            return found
    return []


def unpack(packages: Iterable[Path], directory: Path) -> None:
    """Unpacks what is needed of packages: all of small ones, and of a kernel what its modules are chosen from."""
    for package in packages:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as reader:
            assert reader.stdout is not None
            with tarfile.open(fileobj=reader.stdout, mode="r|") as archive:
                for member in archive:
                    name = member.name
                    if "/kernel/" in name and not KERNEL_PARTS.search(name):
                        continue
                    if member.isfile() or member.issym():
                        archive.extract(member, directory)


def modules(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents of the modules that are wanted, each after those that it needs."""
    found = {re.sub(r"\.ko(\.\w+)?$", "", path.name).replace("-", "_"): path for path in directory.rglob("*.ko*")}
    done: set[str] = set()

    def one(name: str) -> Iterator[tuple[str, bytes]]:
        if name in done or name not in found:  # what is not there is built in
            return
        done.add(name)
        data = decompressed(found[name])
        section = ELFFile(io.BytesIO(data)).get_section_by_name(".modinfo")
        assert section is not None, found[name]
        info = section.data().split(b"\0")
        facts = dict(entry.decode().split("=", 1) for entry in info if b"=" in entry)
        soft = re.findall(r"pre: ([\w ]+)", facts.get("softdep", ""))
        for needed in [*filter(None, facts.get("depends", "").split(",")), *(n for s in soft for n in s.split())]:
            yield from one(needed.replace("-", "_"))
        yield name, data

    for name in (*MODULES, "crc32c_generic"):
        yield from one(name)


def decompressed(path: Path) -> bytes:
    """Returns a module as the kernel takes it."""
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return gzip.decompress(data) if path.suffix == ".gz" else data


class Archive:
    """A cpio archive of the kind that a kernel unpacks ("newc"), as Documentation/driver-api/early-userspace has it."""

    def __init__(self) -> None:
        self._out = io.BytesIO()
        self._names: set[str] = set()

    def add(self, name: str, data: bytes, mode: int, device: tuple[int, int] = (0, 0)) -> None:
        """Adds one entry and the directories above it; a name counts once. device is the number of a device file."""
        name = name.strip("/")
        if name in self._names:
            return
        parent = str(Path(name).parent)
        if parent != ".":
            self.add(parent, b"", 0o40755)
        self._names.add(name)
        raw = name.encode() + b"\0"
        fields = [len(self._names), mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0]
        self._out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + raw)
        self._pad()
        self._out.write(data)
        self._pad()

    def _pad(self) -> None:
        self._out.write(bytes(-self._out.tell() % 4))

    def file(self, source: Path, name: str = "", mode: int = 0o100755) -> None:
        """Adds a file of this machine at its own path, or another."""
        self.add(name or str(source), source.read_bytes(), mode)

    def program(self, source: Path, name: str, system: Path) -> None:
        """Adds a program with its libraries; those of the packages in system are found beside them."""
        self.file(source, name)
        self.libraries(source, system)

    def libraries(self, program: Path, system: Path) -> None:
        """Adds the shared objects that a program loads: this machine's, and where it has none, the packages'."""
        places = sorted({str(path.parent) for path in system.rglob("*.so*")})
        environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(places)}
        argv = ["ldd", str(program)]
        said = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False).stdout
        for found in map(Path, re.findall(r"(/\S+) \(0x", said)):
            self.file(found, f"/usr/lib/{found.name}" if found.is_relative_to(system) else str(found))

    def end(self) -> bytes:
        """Returns the whole archive."""
        self.add("TRAILER!!!", b"", 0)
        return self._out.getvalue()


def python_files() -> list[Path]:
    """Returns what Python reads for the flasher: its library's modules and extensions, and both rooms of ours."""
    names = "(m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None))"
    script = f"import sys; sys.path.insert(0, {str(HOME / 'site_scons')!r}); {IMPORTS}; print(*{names}, sep='\\n')"
    said = subprocess.run([python(), "-I", "-S", "-c", script], capture_output=True, text=True, check=True).stdout
    encodings = Path(os.__file__).parent / "encodings"
    found = [*map(Path, said.split("\n")[:-1]), *(encodings / name for name in ("ascii.py", "latin_1.py", "utf_8.py"))]
    ours = (path for room in ("base", "flash") for path in (HOME / "site_scons" / "bootwright" / room).glob("*.py"))
    return list(dict.fromkeys([*found, *ours]))


def python() -> str:
    """Returns the interpreter itself, outside of any environment."""
    return str(Path(sys.executable).resolve())


def build(directory: Path, cache: Path) -> tuple[Path, Path]:
    """Makes kernel and initrd in directory; raises Missing where something cannot be had."""
    system = fetch(cache)
    archive = Archive()
    for name, number in (("console", (5, 1)), ("null", (1, 3)), ("urandom", (1, 9))):
        archive.add(f"/dev/{name}", b"", 0o20666, number)
    archive.program(Path(python()), python(), system)
    for path in found_programs(system):
        archive.program(path, f"/bin/{path.name}", system)
    for path in python_files():
        archive.file(path)
        if path.suffix == ".so":
            archive.libraries(path, system)
        else:
            cached = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
            archive.add(str(cached), compiled(path, directory), 0o100644)
    for rule in RULES:
        archive.file(next(iter(system.rglob(rule))), f"/usr/lib/udev/rules.d/{rule}")
    order = []
    for name, data in modules(system):
        order.append(name)
        archive.add(f"/modules/{name}.ko", data, 0o100644)
    archive.add("/modules/order", "\n".join(order).encode(), 0o100644)
    init = Path(__file__).with_name("guest_init.py").read_bytes()
    archive.add("/init", f"#!{python()} -ISB\n".encode() + init, 0o100755)
    initrd = directory / "initrd"
    initrd.write_bytes(archive.end())
    return min(system.glob("boot/vmlinuz-*")), initrd


def found_programs(system: Path) -> Iterator[Path]:
    """Yields the programs that go into the guest: of the packages, and of this machine."""
    for name in (*UDEV, *PROGRAMS):
        here = None if name in UDEV else shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        path = Path(here) if here else next(iter(system.rglob(f"*bin/{name}")), None)
        if path is not None:
            yield path
        elif name != "systemd-udevd":  # which is a link to udevadm in some, and not unpacked then
            raise Missing(f"there is no {name} for the guest")


def compiled(path: Path, directory: Path) -> bytes:
    """Returns a module as Python keeps it compiled, which it takes without looking at the source's time."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    cached = directory / "compiled.pyc"
    py_compile.compile(str(path), str(cached), doraise=True, invalidation_mode=unchecked)
    return cached.read_bytes()
