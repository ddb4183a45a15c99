"""One virtual machine: QEMU with a disk image, driven over QMP, gone when its context is left."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import subprocess
import time
from pathlib import Path
from types import TracebackType

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError, Status
from bootwright.base.scratch import scratch_directory
from bootwright.image.layout import DEBUG_CONSOLE_PORT
from bootwright.machine import raspberry, textscreen
from bootwright.machine.arguments import machine_arguments, pasteable, starts_a_raspberry, uses_tcg
from bootwright.machine.boards import board_named
from bootwright.machine.channel import POSIX, OutputChannel, SocketChannel
from bootwright.machine.config import BIOS, MachineConfig
from bootwright.machine.firmware_text import FirmwareText
from bootwright.machine.guest_log import GuestLog
from bootwright.machine.lifeline import Lifeline, find_guard
from bootwright.machine.options import has_own_log
from bootwright.machine.qemu import FAST_FIRMWARE, OLDEST_QEMU, cure_of, find_qemu, has_firmware
from bootwright.machine.qmp import QemuGone, QmpClient, QmpError
from bootwright.machine.serial_ports import take_serial_ports
from bootwright.machine.transcript import Transcript
from bootwright.machine.verdict import Registers, parse_program_counters, parse_registers

START_SECONDS = 30.0
LONGEST_STDERR = 1 << 18  # bytes of what QEMU said last
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
        self.arguments = machine_arguments(config, display)
        self.command = pasteable(self.qemu, self.arguments, config.flags)
        self.heard = {name: Transcript() for name in ("serial", "console")}
        self.gone, self.stderr = False, ""
        self.exit_code: int | None = None
        self._posix = posix
        self._own_log = not has_own_log(config.flags)
        self._ports = take_serial_ports(config.flags)[0]
        self._cwd = config.directory
        self._kernel8 = config.image if starts_a_raspberry(config, self.board) else None
        self.unset = raspberry.UNSET if self._kernel8 else self.board.unset
        self.parked = raspberry.PARKED if self._kernel8 else range(0)
        self._is_tcg = uses_tcg(config)
        self._firmware_text = FirmwareText(expected=config.firmware != BIOS)
        self._guest_log = GuestLog()
        self._scratch = contextlib.ExitStack()
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = Lifeline()
        self._monitor: SocketChannel | None = None
        self._outputs: dict[str, OutputChannel] = {}
        self._selector = selectors.DefaultSelector()

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
    def serial(self) -> str:
        """What the guest said on its first serial port; of much of it the last MiB, see Transcript."""
        return self.heard["serial"].text

    @property
    def console(self) -> str:
        """What was said on the debug console, as serial has it."""
        return self.heard["console"].text

    @property
    def refused(self) -> bool:
        """Whether the firmware refused to start the loader, as it does what is not signed by one whom it trusts."""
        return self._firmware_text.refuses

    @property
    def in_firmware(self) -> bool:
        """Whether the machine has UEFI, and its kernel has not begun."""
        return not self._firmware_text.over

    @property
    def directory(self) -> Path:
        """A directory that lives as long as the machine."""
        assert self._directory is not None, "the machine is not started"
        return self._directory

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        assert self._process is not None, "the machine is not started"
        return self._process.pid

    def _start(self) -> None:
        self._directory = self._scratch.enter_context(scratch_directory())
        self._monitor = SocketChannel("qmp", self._posix)
        if self._kernel8:
            image = raspberry.write_kernel8(self._kernel8, self.directory)
            self.arguments[self.arguments.index("-kernel") + 1] = str(image)
        arguments = [str(self.qemu), *self.arguments, "-S", "-chardev", self._monitor.option]
        for name in ("serial", "console") if self.board.is_pc else ("serial",):
            self._outputs[name] = OutputChannel(name, self.directory, self._posix)
            log = f",logfile={self._ports.log}" if name == "serial" and self._ports.log else ""
            arguments += ["-chardev", self._outputs[name].option + log]
        arguments += ["-mon", "chardev=qmp,mode=control", *self._ports.arguments("chardev:serial")]
        if self.board.is_pc:
            arguments += ["-device", f"isa-debugcon,iobase={DEBUG_CONSOLE_PORT:#x},chardev=console"]
        inherited = [*self._monitor.descriptors]
        if self._own_log:
            arguments += self._guest_log.arguments(self.directory)
            inherited += self._guest_log.descriptors
        with (self.directory / "stderr").open("wb") as errors:
            self._process = self._lifeline.start(arguments, cwd=self._cwd, output=errors, pass_fds=inherited)
        self._guest_log.started()
        self._lifeline.watch(self._process.pid)
        try:
            if not self._monitor.connect(START_SECONDS if self._alive() else 0.5):
                raise QemuGone("QEMU did not connect")
            self.qmp = QmpClient(self._monitor.socket)
            self.qmp.handshake(START_SECONDS)
        except QemuGone as error:
            raise self._not_started(str(error)) from None
        if self.qmp.version[:2] < OLDEST_QEMU:
            version, oldest = (".".join(map(str, numbers)) for numbers in (self.qmp.version, OLDEST_QEMU))
            said = f"{self.qemu} is version {version}; the oldest supported is {oldest}"
            raise BootwrightError(said, "install a newer QEMU, or name one by QEMU=path", Status.QEMU_NOT_STARTED)
        self._selector.register(self.qmp, selectors.EVENT_READ)
        for output in self._outputs.values():
            if output.selectable:
                self._selector.register(output, selectors.EVENT_READ)

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _not_started(self, reason: str) -> BootwrightError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process is not None:  # what was started may be no QEMU at all
                reason = f"it ended at once, with status {self._process.wait(0.5)}"
        self.end()
        said = self.stderr.strip() or reason
        hint = f"{cure_of(said)}the command was: {self.command}"
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

    def _read_outputs(self) -> bool:
        """Takes what the guest wrote; returns whether there was anything."""
        read = {name: output.read() for name, output in self._outputs.items()}
        for name, data in read.items():
            self.heard[name].add(self._firmware_text.pass_on(data) if name == "serial" else data)
        return any(read.values())

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
        """Returns the 25 rows of a PC's text screen; none when QEMU is gone, or while a firmware has it in graphics."""
        if not self.board.is_pc or not self._firmware_text.over:
            return ()
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

    def disk_writes(self) -> int:
        """Returns how many writes to its disk the guest asked for."""
        disks = self.qmp.execute("query-blockstats")
        return sum(disk["stats"]["wr_operations"] for disk in disks if disk["device"] == "disk")

    def screendump(self, path: Path) -> None:
        """Writes the guest's screen to path as PNG, beside it first and renamed then."""
        with atomic.new_file(path, shared=True) as beside:
            self.qmp.execute("screendump", {"filename": str(beside.absolute()), "format": "png"})

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
        self._guest_log.started()
        self._scratch.close()
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
        while self._read_outputs():
            pass  # what is left in the pipes is as much as they hold
        self.heard["serial"].add(self._firmware_text.rest())
        with (self.directory / "stderr").open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - LONGEST_STDERR))
            said = stream.read(LONGEST_STDERR).decode(errors="replace").splitlines(keepends=True)
        self.stderr = "".join(line for line in said if not NO_NETWORK.search(line))
