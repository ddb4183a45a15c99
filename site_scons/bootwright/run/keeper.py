"""Keeps a labgrid place for bootwright: a process apart, run by the Python that labgrid is installed for.

    keeper.py PLACE SECONDS LABGRID-CLIENT

It acquires the place, waiting for it SECONDS at most, and obeys lines on its standard input: {"boot": IMAGE} has the
image written and the power cycled, {"off": 1} ends that. What it says are lines as well: {"held": WORDS}, {"ready": 1},
{"on": 1}, {"heard": BASE64}, {"off": 1}, and {"error": WORDS}, after which it ends.

Whatever ends its input, or the pipe of the variable LIFE (the death of who started it, by any signal), has the power
switched off and the place released. Without a terminal, it gets no Ctrl-C of its own. It imports nothing of bootwright.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Which driver of labgrid's serves a resource of a place, where no LG_ENV names drivers.
DRIVERS = {
    "NetworkPowerPort": ["NetworkPowerDriver"],
    "NetworkUSBPowerPort": ["USBPowerDriver"],
    "NetworkSiSPMPowerPort": ["SiSPMPowerDriver"],
    "PDUDaemonPort": ["PDUDaemonDriver"],
    "TasmotaPowerPort": ["TasmotaPowerDriver"],
    "NetworkYKUSHPowerPort": ["YKUSHPowerDriver"],
    "NetworkSerialPort": ["SerialDriver"],
    "RemoteTFTPProvider": ["TFTPProviderDriver"],
    "NetworkUSBSDMuxDevice": ["USBSDMuxDriver", "USBStorageDriver"],
    "NetworkUSBSDWireDevice": ["USBSDWireDriver", "USBStorageDriver"],
    "NetworkUSBSDWire3Device": ["USBSDWire3Driver", "USBStorageDriver"],
}
SERVED = "bootwright"  # what a board fetches by TFTP: bootwright.pxe and with that bootwright.kernel, or bootwright.efi
MUXES = ("USBSDMuxDriver", "USBSDWireDriver", "USBSDWire3Driver")
ROLE = "main"
LIFE = "BOOTWRIGHT_LIFE"  # the variable that names a descriptor of a pipe that nobody writes to
OFF_SECONDS = 1.0  # that a board is without power at least
READ_SECONDS = 0.05
PLAIN = re.compile(r"[\w./+,=@-]+")
HELD = re.compile(r"already acquired|is reserved|was not reserved for", re.IGNORECASE)
HOLDER = re.compile(r"already acquired by (\S+?)\.?(?:\s|$)")


class Over(Exception):
    """Nobody is there any more for whom the place would be kept."""


class Failed(Exception):
    """Something of the rack does not do what it should, in words for a person."""


class Orders:
    """The lines of standard input."""

    def __init__(self) -> None:
        self._text = b""
        # A pipe that ends with whoever started the one who started us: scons, where that is pytest.
        life = os.environ.get(LIFE)
        self._ends = [int(life)] if life else []

    def next(self, seconds: float) -> dict[str, Any] | None:
        """Returns an order, None where there is none after so many seconds; raises Over at the end of the input."""
        while b"\n" not in self._text:
            ready = select.select([0, *self._ends], [], [], seconds)[0]
            if not ready:
                return None
            if 0 not in ready:
                raise Over
            more = os.read(0, 1 << 16)
            if not more:
                raise Over
            self._text += more
        line, _, self._text = self._text.partition(b"\n")
        return dict(json.loads(line))


_said = 1  # the descriptor that lines are said to


def say(**words: object) -> None:
    """Says a line; who no longer listens is found out by the input's end."""
    with contextlib.suppress(OSError):
        os.write(_said, json.dumps(words).encode() + b"\n")


class Keeper:
    """One place."""

    def __init__(self, place: str, seconds: float, client: str) -> None:
        self._place, self._seconds, self._client = place, seconds, client
        self._orders = Orders()
        self._acquired = False
        self._target: Any = None
        self._power: Any = None
        self._serial: Any = None
        self._mux: Any = None
        self._storage: Any = None
        self._provider: Any = None
        self._served = self._token = ""  # the latter is of the reservation by which it was acquired

    def run(self) -> None:
        """Keeps the place until the input ends."""
        served = tempfile.TemporaryDirectory(prefix="bootwright-served-")
        with served as self._served, Path(self._served, "begun").open("w") as mark:
            # If we are killed, who makes the next directory of this kind finds its lock free (base/scratch.py).
            fcntl.flock(mark, fcntl.LOCK_EX)
            Path(mark.name).rename(Path(self._served, ".lock"))
            self._keep()

    def _keep(self) -> None:
        try:
            self._acquire()
            self._open()
            say(ready=1)
            while True:
                order = self._orders.next(3600.0) or {}
                if "boot" in order:
                    self._boot(order["boot"], order["served"])
        except Over:
            pass
        except Failed as error:
            say(error=str(error))
        except FileNotFoundError as error:
            say(error=f"{error.filename}, which labgrid wants, is not there")
        except Exception as error:
            say(error=f"{type(error).__name__}: {error}".strip())
        finally:
            self._leave()

    def _acquire(self) -> None:
        words = self._ask("-p", self._place, "acquire")
        if words is None:
            self._acquired = True
            return
        if not HELD.search(words):
            raise Failed(words)
        holder = HOLDER.search(words)
        by = holder[1] if holder else "you" if "You have" in words else "a reservation"
        if not self._seconds:
            raise Failed(f"it is held by {by}")
        say(held=by)
        # A reservation has whoever waited longest get it; the coordinator forgets one that nobody asks for any more.
        deadline = time.monotonic() + self._seconds
        token = self._ask("reserve", "--shell", f"name={self._place}", good=re.compile(r"LG_TOKEN=(\S+)"))
        if token is None:
            raise Failed(f"it is held by {by}, and cannot be reserved")
        try:
            while (left := deadline - time.monotonic()) > 0:
                waited = self._ask("wait", token, seconds=left)
                if waited is None and self._ask("-p", "+", "acquire", token=token) is None:
                    self._acquired, self._token = True, token
                    return
        finally:
            if not self._acquired:
                with contextlib.suppress(Over):
                    self._ask("cancel-reservation", token)
        raise Failed(f"it is held by {by}, still after {self._seconds:g} s")

    def _ask(
        self, *words: str, token: str = "", seconds: float = 60.0, good: re.Pattern[str] | None = None
    ) -> str | None:
        """Runs labgrid-client; returns None where it did well, else what it said; with good what that finds."""
        environment = {**os.environ, **({"LG_TOKEN": token} if token else {})}
        with tempfile.TemporaryFile() as said:
            child = subprocess.Popen(
                [self._client, *words], stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, env=environment
            )
            deadline = time.monotonic() + seconds
            try:
                while child.poll() is None:
                    if not self._acquired:
                        self._orders.next(0.05)  # which raises where nobody waits any more
                    else:
                        time.sleep(0.02)
                    if time.monotonic() > deadline:
                        break
            finally:
                if child.poll() is None:
                    child.kill()
                    child.wait()
            said.seek(0)
            text = said.read().decode(errors="replace").strip()
        if good is not None:
            found = good.search(text)
            return found[1] if found else None
        if child.returncode == 0:
            return None
        return re.sub(r"^.*?Error: ", "", text.splitlines()[-1] if text else "") or "labgrid-client said nothing"

    def _open(self) -> None:
        """Has labgrid make the drivers: those that LG_ENV names, else one for each resource of the place."""
        from labgrid import Environment
        from labgrid.exceptions import NoDriverFoundError
        from labgrid.util.yaml import load

        path = os.environ.get("LG_ENV", "")
        if not path:
            listed = self._ask("-p", self._place, "env", good=re.compile(r"(?s)(targets:.*)"))
            resources = load(listed or "{}").get("targets", {}).get(self._place, {}).get("resources", [])
            names = [driver for entry in resources for driver in DRIVERS.get(next(iter(entry)), [])]
            config = {"targets": {ROLE: {"resources": {"RemotePlace": {"name": self._place}},
                                         "drivers": {name: {} for name in names}}}}  # fmt: skip
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                json.dump(config, file)  # YAML takes JSON
                file.flush()
                self._target = Environment(file.name).get_target(ROLE)
        else:
            self._target = Environment(path).get_target(ROLE)
        try:
            self._power = self._target.get_driver("PowerProtocol")
            self._serial = self._target.get_driver("ConsoleProtocol")
        except NoDriverFoundError as error:
            raise Failed(f"it has no {'serial port' if self._power else 'power'}") from error
        drivers = {type(driver).__name__: driver for driver in self._target.drivers}
        self._mux = next((driver for name, driver in drivers.items() if name in MUXES), None)
        self._storage, self._provider = drivers.get("USBStorageDriver"), drivers.get("TFTPProviderDriver")
        if self._storage is None and self._provider is None:
            raise Failed("it has neither a storage mux nor a TFTP server")

    def _boot(self, image: str, served: dict[str, str]) -> None:
        began = time.monotonic()
        self._power.off()
        for driver in filter(None, (self._mux, self._storage, self._provider)):
            self._target.activate(driver)
        if self._mux is not None:
            self._mux.set_mode("host")
        try:
            if self._storage is not None:
                self._write(image)
            else:
                self._serve(served)
        except subprocess.CalledProcessError as error:
            said = (error.output or b"").decode(errors="replace").strip()
            raise Failed(f"its card cannot be written: {said}") from error
        if self._mux is not None:
            self._mux.set_mode("dut")
        self._read()  # what was said before
        time.sleep(max(0.0, OFF_SECONDS - (time.monotonic() - began)))
        self._power.on()
        say(on=1)
        while self._orders.next(0.0) is None:
            heard = self._read()
            if heard:
                say(heard=base64.b64encode(heard).decode())
        self._power.off()
        say(off=1)

    def _write(self, image: str) -> None:
        """Has the image written. labgrid hands its path to shells as it is: one with a blank gets another name."""
        if not PLAIN.fullmatch(os.path.realpath(image)):
            image = shutil.copyfile(image, str(Path(self._served, "image.img")))
        self._storage.write_image(image)

    def _serve(self, served: dict[str, str]) -> None:
        """Has files served, each under the name that the board's DHCP server knows, with its ending."""
        for ending, path in served.items():
            self._provider.stage(shutil.copyfile(path, str(Path(self._served, SERVED + ending))))

    def _read(self) -> bytes:
        from pexpect import TIMEOUT

        try:
            return bytes(self._serial.read(size=1, timeout=READ_SECONDS, max_size=1 << 16))
        except TIMEOUT:
            return b""

    def _leave(self) -> None:
        """Switches the power off and gives the place back, by other means where the first ones fail."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if not self._acquired:
            return
        try:
            self._power.off()
        except Exception:
            words = self._ask("-p", self._place, "power", "off")
            if words is not None:
                say(error=f"its power cannot be switched off: {words}")
        self._ask("-p", self._place, "release")
        if self._token:  # which would keep others out for a minute more
            self._ask("cancel-reservation", self._token)


if __name__ == "__main__":
    _said = os.dup(1)  # for us alone: labgrid and the programs that it starts write to standard output
    os.dup2(2, 1)
    Keeper(sys.argv[1], float(sys.argv[2]), sys.argv[3]).run()
