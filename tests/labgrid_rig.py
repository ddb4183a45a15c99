"""A rack on loopback: a real coordinator and exporter of labgrid's, whose board is a QEMU.

The board has a socket that is switched by HTTP, a serial port that speaks TCP, and a card behind a mux. Its QEMU lacks
the port by which a kernel could end it, as a board does. What labgrid would do on the exporter's host by ssh is done by
a stand-in of ssh's: it runs the command here, where /dev/card is a file and usbsdmux notes the mode.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.servers import free_port, served

from bootwright.base.sizes import MIB
from bootwright.machine.ovmf import find_ovmf
from bootwright.machine.qemu import find_qemu

PLACE, BY_NETWORK = "pc1", "pc2"
CARD = 64 * MIB
SSH = """#!/bin/sh
case " $* " in *" -O check "*) exit 0 ;; esac
while [ "$1" != localhost ]; do shift; done
shift
[ "$1" = -- ] && shift
case "$*" in
    "cat /sys/class/block/card/size") echo {sectors} ;;
    "dd "*) exec sh -c "$(echo "$*" | sed 's|of=/dev/card|of={card}|')" ;;
    "usbsdmux "*) echo "$3" > {mode} ;;
    *) exec sh -c "$*" ;;
esac
"""


class Board:
    """The machine: its power, its serial port and its card; events are when its power went on and off.

    With tftp, the directory of a TFTP server, it has no card and starts by network; with uefi set, by a UEFI firmware.
    """

    uefi = False

    def __init__(self, place: Path, tftp: Path | None = None) -> None:
        self._tftp = tftp
        self.card, self.mode = place / "card.img", place / "mode"
        with self.card.open("wb") as file:
            file.truncate(CARD)
        self.mode.write_text("dut\n")
        self.events: list[tuple[str, float]] = []
        self._qemu: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._listeners: list[socket.socket] = []
        board = self

        class Power(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index, _, value = self.path.strip("/").partition("/")
                if value:
                    board.switch(value == "1")
                body = b"1" if board.is_on else b"0"
                self.send_response(200 if index == "1" else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None: ...

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Power)
        self._serial = socket.create_server(("127.0.0.1", 0))
        self.power_port, self.serial_port = self._http.server_address[1], self._serial.getsockname()[1]
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def is_on(self) -> bool:
        return self._qemu is not None

    def switch(self, on: bool) -> None:
        """Has the power on or off; with the mux at the host there is no disk to boot."""
        with self._lock:
            if on == self.is_on:
                return
            self.events.append(("on" if on else "off", time.monotonic()))
            if not on and self._qemu:
                self._qemu.kill()
                self._qemu.wait()
                self._qemu = None
                return
            words = [str(find_qemu(None)), "-display", "none", "-serial", "stdio", "-m", "128", "-monitor", "none"]
            net = f"user,id=net,tftp={self._tftp},bootfile=bootwright.{'efi' if self.uefi else 'pxe'}"
            disk = (
                ["-netdev", net, "-device", "virtio-net-pci,netdev=net"]
                if self._tftp
                else ["-drive", f"file={self.card},format=raw,if=ide,snapshot=on"]
            )
            if self.uefi:
                words += [*find_ovmf(find_qemu(None)).arguments(), "-device", "virtio-rng-pci"]
            words += disk if self.mode.read_text() == "dut\n" else []
            self._qemu = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            threading.Thread(target=self._pass_on, args=(self._qemu,), daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._listeners.append(self._serial.accept()[0])

    def _pass_on(self, qemu: subprocess.Popen[bytes]) -> None:
        assert qemu.stdout is not None
        while data := os.read(qemu.stdout.fileno(), 1 << 12):
            for listener in list(self._listeners):
                try:
                    listener.sendall(data)
                except OSError:
                    self._listeners.remove(listener)

    def end(self) -> None:
        self.switch(False)
        self._http.shutdown()
        self._http.server_close()
        self._serial.shutdown(socket.SHUT_RDWR)  # which ends accept(); close() alone leaves its thread waiting
        self._serial.close()
        for listener in self._listeners:
            listener.close()


@dataclass
class Rack:
    """A coordinator's client, the environment in which it finds all, and the boards of PLACE and BY_NETWORK."""

    board: Board
    networked: Board
    client: Path
    environment: dict[str, str] = field(default_factory=dict)

    def ask(self, *words: str) -> str:
        """Returns what labgrid-client says."""
        done = subprocess.run(
            [self.client, *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return done.stdout

    @property
    def holder(self) -> str:
        """Who holds the place: HOST/USER, or None."""
        return self.ask("-p", PLACE, "show").partition("acquired: ")[2].partition("\n")[0]


def _ports(board: Board) -> str:
    """Returns the resources that every board has, as an exporter reads them."""
    return (
        f"  NetworkPowerPort: {{model: simplerest, host: 'http://127.0.0.1:{board.power_port}/{{index}}/{{value}}', "
        "index: '1'}\n"
        f"  NetworkSerialPort: {{host: 127.0.0.1, port: {board.serial_port}, speed: 115200, protocol: raw}}\n"
    )


@contextlib.contextmanager
def open_rack(place: Path) -> Iterator[Rack]:
    """Gives a rack with one place, which lives in a directory."""
    programs, bench = Path(sys.executable).parent, place / "bench"
    bench.mkdir()
    board, tftp = Board(bench), place / "served"
    (place / "other").mkdir()
    networked = Board(place / "other", tftp)
    port = free_port()
    (bench / "ssh").write_text(SSH.format(sectors=CARD // 512, card=board.card, mode=board.mode))
    (bench / "ssh").chmod(0o755)
    (bench / "exporter.yaml").write_text(
        f"bench:\n{_ports(board)}"
        "  NetworkUSBSDMuxDevice: {host: localhost, busnum: 1, devnum: 1, path: /dev/card, vendor_id: 1060, "
        "model_id: 16449, control_path: /dev/mux}\n"
        f"other:\n{_ports(networked)}"
        f"  RemoteTFTPProvider: {{host: localhost, internal: '{tftp}/', external: ''}}\n"
    )
    path = os.pathsep.join([str(bench), str(programs), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "LG_COORDINATOR": f"127.0.0.1:{port}", "LG_HOSTNAME": "here"}
    environment = {
        name: value for name, value in environment.items() if name not in ("LG_ENV", "LG_PLACE", "PYTHONPATH")
    }
    rack = Rack(board, networked, programs / "labgrid-client", {**environment, "LG_USERNAME": "tester"})
    coordinator = [str(programs / "labgrid-coordinator"), "-l", f"127.0.0.1:{port}"]
    exporter = [str(programs / "labgrid-exporter"), "-c", f"127.0.0.1:{port}", "-n", "bench", "--hostname", "localhost"]
    try:
        with (
            served(coordinator, port, bench / "coordinator.log", bench, environment),
            (bench / "exporter.log").open("wb") as log,
        ):
            process = subprocess.Popen(
                [*exporter, str(bench / "exporter.yaml")], cwd=bench, env=environment, stdout=log, stderr=log
            )
            try:
                deadline = time.monotonic() + 60
                while "RemoteTFTPProvider" not in rack.ask("resources"):
                    assert process.poll() is None and time.monotonic() < deadline, (bench / "exporter.log").read_text()
                for name, group in ((PLACE, "bench"), (BY_NETWORK, "other")):
                    rack.ask("-p", name, "create")
                    rack.ask("-p", name, "add-match", f"bench/{group}/*")
                yield rack
            finally:
                process.terminate()
                process.wait(10)
    finally:
        board.end()
        networked.end()
