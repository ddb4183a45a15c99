"""One virtual machine: QEMU with a disk image, driven over QMP, gone when its context is left."""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import os
import re
import selectors
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError, Status
from bootwright.image.layout import DEBUG_CONSOLE_PORT
from bootwright.machine import textscreen
from bootwright.machine.accelerator import TCG, Choice, choose_accelerator, forget_accelerator, is_chosen_by_hand
from bootwright.machine.arguments import (
    FAST_FIRMWARE,
    MachineConfig,
    find_qemu,
    has_firmware,
    machine_arguments,
    pasteable,
    uses_tcg,
)
from bootwright.machine.boards import board_named
from bootwright.machine.channel import POSIX, OutputChannel, SocketChannel
from bootwright.machine.guest_log import GuestLog
from bootwright.machine.lifeline import Lifeline, find_guard
from bootwright.machine.qmp import QemuGone, QmpClient, QmpError
from bootwright.machine.serial_ports import take_serial_ports
from bootwright.machine.verdict import Registers, parse_program_counters, parse_registers

OLDEST_QEMU = (7, 1)
START_SECONDS = 30.0
# A board has its network card on it, whether anything is connected to it or not.
NO_NETWORK = re.compile(r"warning: nic \S+ has no peer")


def look_around(config: MachineConfig) -> None:
    """Finds out what every machine of config's kind asks of this computer, once: processes forked later know it too."""
    find_guard()
    if config.loader:
        has_firmware(find_qemu(config.qemu), FAST_FIRMWARE)


class Machine:
    """A context manager around one QEMU. It starts paused: resume() lets the guest run, step() is the event loop."""

    def __init__(self, config: MachineConfig, display: str | None = None, posix: bool = POSIX) -> None:
        self.board = board_named(config.board)
        self.qemu = find_qemu(config.qemu, program=self.board.qemu)
        self.accelerator: Choice | None = None  # where neither the config nor its flags name one
        if self.board.is_pc and not config.accelerator and not is_chosen_by_hand(config.flags):
            self.accelerator = choose_accelerator(self.qemu)
            config = dataclasses.replace(config, accelerator=self.accelerator.name)
        self.arguments = machine_arguments(config, display)
        self.command = pasteable(self.qemu, self.arguments, config.flags)
        self.serial = ""
        self.console = ""
        self.gone = False
        self.exit_code: int | None = None
        self.stderr = ""
        self._posix = posix
        self._own_log = not {"-d", "-D"} & set(config.flags)
        self._ports = take_serial_ports(config.flags)[0]
        self._cwd = config.directory
        self._is_tcg = uses_tcg(config)
        self._guest_log = GuestLog()
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = Lifeline()
        self._monitor: SocketChannel | None = None
        self._outputs: dict[str, OutputChannel] = {}
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

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        assert self._process is not None, "the machine is not started"
        return self._process.pid

    def _start(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="bootwright-", ignore_cleanup_errors=True)
        self._monitor = SocketChannel("qmp", self._posix)
        arguments = [str(self.qemu), *self.arguments, "-S", "-chardev", self._monitor.option]
        for name in ("serial", "console") if self.board.is_pc else ("serial",):
            self._outputs[name] = OutputChannel(name, self.directory, self._posix)
            log = f",logfile={self._ports.log}" if name == "serial" and self._ports.log else ""
            arguments += ["-chardev", self._outputs[name].option + log]
        arguments += ["-mon", "chardev=qmp,mode=control", *self._ports.arguments("chardev:serial")]
        if self.board.is_pc:
            arguments += ["-device", f"isa-debugcon,iobase={DEBUG_CONSOLE_PORT:#x},chardev=console"]
        if self._own_log:
            arguments += self._guest_log.arguments(self.directory)
        with (self.directory / "stderr").open("wb") as errors:
            self._process = self._lifeline.start(
                arguments, cwd=self._cwd, output=errors, pass_fds=self._monitor.descriptors
            )
        self._lifeline.watch(self._process.pid)
        try:
            if not self._monitor.connect(START_SECONDS if self._alive() else 0.5):
                raise QemuGone("QEMU did not connect")
            self.qmp = QmpClient(self._monitor.socket)
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
        self._selector.register(self.qmp, selectors.EVENT_READ)
        for output in self._outputs.values():
            if output.selectable:
                self._selector.register(output, selectors.EVENT_READ)

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _not_started(self, reason: str) -> BootwrightError:
        self.end()
        said = self.stderr.strip() or reason
        hint = f"the command was: {self.command}"
        if self.accelerator and self.accelerator.name != TCG:
            forget_accelerator(self.qemu)
            hint += f"\n  {self.accelerator.name} was the quicker accelerator once; the next start finds out anew"
        return BootwrightError(f"QEMU did not start: {said}", hint, Status.QEMU_NOT_STARTED)

    def resume(self) -> None:
        """Lets the guest run. One that leaves at once takes QEMU with it, before that has answered."""
        try:
            self.qmp.execute("cont")
        except QemuGone:
            self._take_leave()

    def step(self, timeout: float) -> None:
        """Waits at most timeout seconds for QEMU to say something and takes it in: serial, console, events."""
        if self.gone:
            return
        ready = [key.fileobj for key, _ in self._selector.select(timeout)]
        self._read_outputs()
        for output in self._outputs.values():
            if output in ready and output.ended:
                self._selector.unregister(output)  # it would be ready at once, again and again, until QEMU is gone
        if self.qmp in ready:
            try:
                self.qmp.receive(0)
            except QemuGone:
                self._take_leave()

    def _read_outputs(self, final: bool = False) -> None:
        """Takes what the guest wrote; final when QEMU is gone, so that half a character is not waited for."""
        texts = {name: self._decode[name].decode(output.read(), final) for name, output in self._outputs.items()}
        self.serial += texts["serial"]
        self.console += texts.get("console", "")

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
        dump = self.ask("info registers -a")
        return parse_registers(dump) if self.board.is_pc else parse_program_counters(dump)

    def rows(self) -> tuple[str, ...]:
        """Returns the 25 rows of the text screen; none when QEMU is gone."""
        dump = self.ask(f"xp /{textscreen.SIZE // 4}xw {textscreen.ADDRESS:#x}")
        return textscreen.read_rows(textscreen.parse_words(dump)) if dump else ()

    def log(self) -> str:
        """Returns what QEMU logged last of resets and exceptions; "" when the user's flags hold a log of their own."""
        return self._guest_log.read()

    @property
    def sees_exceptions(self) -> bool:
        """Whether the log holds vector and error code of what the processor was last delivered: only TCG tells them."""
        return self._own_log and self._is_tcg and self._guest_log.whole

    def tend_log(self, now: float) -> None:
        """Keeps QEMU's log small; called now and then, now in seconds."""
        for command in self._guest_log.tend(now):
            self.ask(command)

    def read_physical(self, address: int, size: int) -> bytes:
        """Returns size bytes of the guest's physical memory, none where there is no memory."""
        path = self.directory / "memory"
        try:
            self.qmp.execute("pmemsave", {"val": address, "size": size, "filename": str(path)})
        except QmpError:
            return b""
        return path.read_bytes()

    def disk_reads(self) -> int:
        """Returns how many reads the guest's disk has answered."""
        disks = self.qmp.execute("query-blockstats")
        return sum(disk["stats"]["rd_operations"] for disk in disks if disk["device"] == "disk")

    def screendump(self, path: Path) -> None:
        """Writes the guest's screen to path as PNG, beside it first and renamed then."""
        beside = path.with_name(f"{atomic.beside(path).name}-{os.getpid()}")
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
        self._lifeline.end()
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        for output in self._outputs.values():
            output.close()
        self._outputs = {}
        self._selector.close()
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _take_leave(self) -> None:
        """Waits for QEMU's end, forces it after two seconds, and takes what it left in the channels."""
        assert self._process is not None
        self.gone = True
        deadline = time.monotonic() + 2.0
        # Reading goes on while we wait: a QEMU whose pipe is full would not end.
        while self._alive() and time.monotonic() < deadline:
            self._read_outputs()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
        if self._alive():
            self._process.kill()
        self.exit_code = self._process.wait()
        if self._outputs:
            self._read_outputs(final=True)
        said = (self.directory / "stderr").read_text(errors="replace").splitlines(keepends=True)
        self.stderr = "".join(line for line in said if not NO_NETWORK.search(line))
