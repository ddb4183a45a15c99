"""One virtual machine: QEMU with a disk image, driven over QMP, gone when its context is left."""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bootwright import textscreen
from bootwright.channel import INHERIT, Channel
from bootwright.errors import BootwrightError, Status
from bootwright.layout import DEBUG_CONSOLE_PORT, DEBUG_EXIT_PORT
from bootwright.qmp import QemuGone, QmpClient
from bootwright.verdict import Registers, parse_registers

OLDEST_QEMU = (7, 1)
PROGRAM = "qemu-system-x86_64"
START_SECONDS = 30.0

# What start_new_session is elsewhere: on Windows Ctrl-C reaches every process of the console's group.
_OWN_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)

# How the disk is attached; -drive's id is "disk". On q35 bus ide.0 belongs to AHCI, on pc to the PIIX's IDE.
DISK_DEVICES: dict[str, tuple[str, ...]] = {
    "ahci": ("-device", "ide-hd,drive=disk,bus=ide.0"),
    "ide": ("-device", "ide-hd,drive=disk,bus=ide.0"),
    "virtio": ("-device", "virtio-blk-pci,drive=disk"),
    "nvme": ("-device", "nvme,serial=bootwright,drive=disk"),
    "usb-uhci": ("-device", "piix3-usb-uhci,id=usb", "-device", "usb-storage,drive=disk,bus=usb.0"),
    "usb-ehci": ("-device", "usb-ehci,id=usb", "-device", "usb-storage,drive=disk,bus=usb.0"),
    "usb-xhci": ("-device", "qemu-xhci,id=usb", "-device", "usb-storage,drive=disk,bus=usb.0"),
}

# Ends QEMU when this process dies in whatever way: its standard input is a pipe that nobody else holds. A process,
# because a thread or preexec_fn is refused in an atexit function from Python 3.12 on, and a kill runs no handler.
_WATCHDOG = """
import os, signal, sys
pid = int(sys.argv[1])
try:
    handle = os.pidfd_open(pid)
except (AttributeError, OSError):
    handle = None
sys.stdin.buffer.read()
try:
    if handle is not None:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    else:
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
except OSError:
    pass
"""


@dataclass(frozen=True)
class MachineConfig:
    """What the machine is made of; qemu is QEMU= (a name or path) or None, memory as -m takes it."""

    image: Path
    qemu: str | None = None
    qemu_flags: tuple[str, ...] = ()
    memory: str = "128M"
    machine: str = "q35"
    disk: str = "ahci"


def find_qemu(qemu: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Returns the program to start: what QEMU= names, else qemu-system-x86_64 of PATH."""
    found = shutil.which(qemu or PROGRAM, path=environ.get("PATH"))
    if found:
        return Path(found)
    if qemu:
        raise BootwrightError(
            f"QEMU={qemu} is no program", "give the path of a qemu-system-x86_64", Status.QEMU_NOT_STARTED
        )
    cures = {"linux": "apt install qemu-system-x86 (dnf install qemu-system-x86, pacman -S qemu-system-x86)"}
    cures |= {"darwin": "brew install qemu", "win32": "winget install SoftwareFreedomConservancy.QEMU"}
    hint = f"{cures.get(sys.platform, 'install QEMU')}; or QEMU=path"
    raise BootwrightError(f"{PROGRAM} is not on PATH", hint, Status.QEMU_NOT_STARTED)


def split_flags(text: str) -> tuple[str, ...]:
    """Returns QEMUFLAGS as arguments: words as in a shell, quotes kept together, nothing expanded."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise BootwrightError(f"QEMUFLAGS={text}: {str(error).lower()}") from error


def machine_arguments(config: MachineConfig, display: str | None) -> list[str]:
    """Returns QEMU's arguments but for our channels; display is one of QEMU's -display names, None for no window."""
    flags = config.qemu_flags
    path = str(config.image.absolute()).replace(",", ",,")
    arguments = ["-nodefaults", "-machine", config.machine, "-m", config.memory]
    if not any(flag in ("-accel", "-enable-kvm") or "accel=" in flag for flag in flags):
        arguments += ["-accel", "tcg"]
    arguments += ["-vga", "std", "-display", display or "none"]
    # What the guest writes goes to a file that is deleted: the image stays as built, and two runs can share it.
    arguments += ["-drive", f"if=none,id=disk,format=raw,snapshot=on,file={path}", *DISK_DEVICES[config.disk]]
    if not any("isa-debug-exit" in flag for flag in flags):
        arguments += ["-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=0x04"]
    # A reset must not start the guest anew, and its registers are read before QEMU ends.
    arguments += ["-action", "reboot=shutdown,shutdown=pause"]
    return arguments + list(flags)


def pasteable(qemu: Path, arguments: list[str]) -> str:
    """Returns the command that starts the same machine by hand, its serial port on the terminal."""
    return shlex.join([str(qemu), *arguments, "-serial", "stdio"])


class Machine:
    """A context manager around one QEMU. It starts paused: resume() lets the guest run, step() is the event loop."""

    def __init__(self, config: MachineConfig, display: str | None = None, inherit: bool = INHERIT) -> None:
        self.qemu = find_qemu(config.qemu)
        self.arguments = machine_arguments(config, display)
        self.command = pasteable(self.qemu, self.arguments)
        self.serial = ""
        self.console = ""
        self.gone = False
        self.exit_code: int | None = None
        self.stderr = ""
        self._inherit = inherit
        self._own_log = not {"-d", "-D"} & set(config.qemu_flags)
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._channels: dict[str, Channel] = {}
        self._selector = selectors.DefaultSelector()
        self._decode = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("serial", "console")}

    def __enter__(self) -> Machine:
        try:
            self._start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def directory(self) -> Path:
        """A directory that lives as long as the machine."""
        assert self._directory is not None, "the machine is not started"
        return Path(self._directory.name)

    def _start(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="bootwright-", ignore_cleanup_errors=True)
        arguments = [str(self.qemu), *self.arguments, "-S"]
        for name in ("qmp", "serial", "console"):
            self._channels[name] = Channel(name, self._inherit)
            arguments += ["-chardev", self._channels[name].option]
        arguments += ["-mon", "chardev=qmp,mode=control", "-serial", "chardev:serial"]
        arguments += ["-device", f"isa-debugcon,iobase={DEBUG_CONSOLE_PORT:#x},chardev=console"]
        if self._own_log:
            arguments += ["-d", "cpu_reset", "-D", str(self.directory / "log")]
        descriptors = [end for channel in self._channels.values() for end in channel.descriptors]
        with (self.directory / "stderr").open("wb") as errors:
            # A session of its own: Ctrl-C is ours to handle, and QEMU has no terminal that it could change.
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=descriptors,
                start_new_session=True,
                creationflags=_OWN_GROUP,
            )
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCHDOG, str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=_OWN_GROUP,
        )
        try:
            if not all(channel.connect(START_SECONDS if self._alive() else 0.5) for channel in self._channels.values()):
                raise QemuGone("QEMU did not connect")
            self.qmp = QmpClient(self._channels["qmp"].socket)
            self.qmp.handshake(START_SECONDS)
        except QemuGone as error:
            raise self._not_started(str(error)) from None
        if self.qmp.version[:2] < OLDEST_QEMU:
            version = ".".join(map(str, self.qmp.version))
            raise BootwrightError(
                f"{self.qemu} is version {version}; the oldest supported is 7.1",
                "install a newer QEMU, or name one by QEMU=path",
                Status.QEMU_NOT_STARTED,
            )
        for name, channel in self._channels.items():
            self._selector.register(channel.socket, selectors.EVENT_READ, name)

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _not_started(self, reason: str) -> BootwrightError:
        self.end()
        said = self.stderr.strip() or reason
        return BootwrightError(
            f"QEMU did not start: {said}", f"the command was: {self.command}", Status.QEMU_NOT_STARTED
        )

    def resume(self) -> None:
        """Lets the guest run."""
        self.qmp.execute("cont")

    def step(self, timeout: float) -> None:
        """Waits at most timeout seconds for QEMU to say something and takes it in: serial, console, events."""
        if self.gone:
            return
        for key, _ in self._selector.select(timeout):
            if key.data == "qmp":
                self._receive_events()
            elif not self._receive_text(key.data):
                self._selector.unregister(key.fileobj)

    def _receive_events(self) -> None:
        try:
            self.qmp.receive(0)
        except QemuGone:
            self._take_leave()

    def _receive_text(self, name: str) -> bool:
        """Takes what the channel holds and returns whether more can come."""
        try:
            data = self._channels[name].socket.recv(1 << 16)
        except OSError:
            data = b""
        text = self._decode[name].decode(data, final=not data)
        if name == "serial":
            self.serial += text
        else:
            self.console += text
        return bool(data)

    def ask(self, line: str) -> str:
        """Returns the monitor's answer to line, or "" when QEMU ended over it."""
        if self.gone:
            return ""
        try:
            return self.qmp.monitor(line)
        except QemuGone:
            self._take_leave()
            return ""

    def registers(self) -> list[Registers]:
        """Returns one Registers for each processor; none when QEMU is gone."""
        return parse_registers(self.ask("info registers -a"))

    def rows(self) -> tuple[str, ...]:
        """Returns the 25 rows of the text screen; none when QEMU is gone."""
        dump = self.ask(f"xp /{textscreen.SIZE // 4}xw {textscreen.ADDRESS:#x}")
        return textscreen.read_rows(textscreen.parse_words(dump)) if dump else ()

    def log(self) -> str:
        """Returns what QEMU logged about resets; "" when the user's flags hold a log of their own."""
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def disk_reads(self) -> int:
        """Returns how many reads the guest's disk has answered."""
        disks = self.qmp.execute("query-blockstats")
        return sum(disk["stats"]["rd_operations"] for disk in disks if disk["device"] == "disk")

    def screendump(self, path: Path) -> None:
        """Writes the guest's screen to path as PNG, beside it first and renamed then."""
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self.qmp.execute("screendump", {"filename": str(beside.absolute()), "format": "png"})
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def end(self) -> None:
        """Ends QEMU if it lives, takes what the guest said last, and removes what was made. Safe to call twice."""
        if self._process is not None and not self.gone:
            if self._selector.get_map():
                with contextlib.suppress(QemuGone):
                    self.qmp.execute("quit", timeout=2.0)
            else:
                # The conversation never began, so nothing that the guest said can be lost.
                self._process.kill()
            self._take_leave()
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.kill()
            self._watchdog.stdin.close()
            self._watchdog.wait()
            self._watchdog = None
        for channel in self._channels.values():
            channel.close()
        self._selector.close()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _take_leave(self) -> None:
        """Waits for QEMU's end, forces it after two seconds, and drains what it left in the channels."""
        assert self._process is not None
        self.gone = True
        deadline = time.monotonic() + 2.0
        open_names = {key.data for key in self._selector.get_map().values()} - {"qmp"}
        # Reading comes before waiting: a QEMU whose serial socket is full would not end.
        while open_names and time.monotonic() < deadline:
            for key, _ in self._selector.select(0.05):
                if key.data == "qmp":
                    self._selector.unregister(key.fileobj)
                elif not self._receive_text(key.data):
                    self._selector.unregister(key.fileobj)
                    open_names.discard(key.data)
        try:
            self.exit_code = self._process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.exit_code = self._process.wait()
        self.stderr = (self.directory / "stderr").read_text(errors="replace")
