"""A synchronous client of the QEMU Machine Protocol: one socket, no thread, so that a run is one loop.

qemu.qmp wants asyncio, which wants a thread of its own beside our loop; a run starts from an atexit function
(which Python calls at its exit), where Python 3.12 and later refuse new threads. The protocol itself is lines of JSON.
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from collections.abc import Mapping

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from typing import Any


class QemuGone(Exception):
    """The other end of the socket is closed: QEMU has ended, or is about to."""


class QmpError(Exception):
    """QEMU refused a command; the text is QEMU's own."""


class QmpClient:
    """Commands go out, answers come back, events wait in `events` (name and data, oldest first)."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._asked = 0
        self._answers: deque[dict[str, Any]] = deque()
        self.events: deque[tuple[str, dict[str, Any]]] = deque()
        self.version: tuple[int, int, int] = (0, 0, 0)

    def fileno(self) -> int:
        """Returns the socket's descriptor, so that a selector takes the client itself."""
        return self._connection.fileno()

    def handshake(self, timeout: float) -> None:
        """Reads the greeting, which names QEMU's version, and leaves the negotiation mode; timeout in seconds."""
        greeting = self._wait_for_answer(timeout)
        try:
            qemu = greeting["QMP"]["version"]["qemu"]
            self.version = (int(qemu["major"]), int(qemu["minor"]), int(qemu["micro"]))
        except (KeyError, TypeError, ValueError) as error:
            raise QemuGone(f"it greets with {_shown(greeting)}, which is no QMP") from error
        self.execute("qmp_capabilities", timeout=timeout)

    def execute(self, command: str, arguments: Mapping[str, object] | None = None, timeout: float = 10.0) -> Any:
        """Returns what QEMU answers to command; raises QmpError where it refuses and QemuGone where it is gone."""
        self._asked += 1
        request = json.dumps({"execute": command, "arguments": dict(arguments or {}), "id": self._asked}) + "\n"
        try:
            self._connection.sendall(request.encode())
        except OSError as error:
            raise QemuGone(str(error)) from error
        answer = self._wait_for_answer(timeout)
        while answer.get("id", self._asked) != self._asked:
            # Ctrl-C came while somebody waited for the answer to an earlier command.
            answer = self._wait_for_answer(timeout)
        if "error" in answer:
            why = answer["error"]
            raise QmpError(_shown(why["desc"] if isinstance(why, dict) and "desc" in why else why))
        if "return" not in answer:
            raise QemuGone(f"it answers {_shown(answer)}, which is no QMP")
        return answer["return"]

    def monitor(self, line: str) -> str:
        """Returns the text that the human monitor prints for line; only it knows `info registers` and `xp`."""
        return str(self.execute("human-monitor-command", {"command-line": line})).replace("\r", "")

    def receive(self, timeout: float) -> None:
        """Takes what the socket holds, after at most timeout seconds, and sorts it into answers and events."""
        self._connection.settimeout(max(timeout, 0.001))
        try:
            data = self._connection.recv(1 << 16)
        except TimeoutError:
            return
        except OSError as error:
            raise QemuGone(str(error)) from error
        finally:
            self._connection.settimeout(None)
        if not data:
            raise QemuGone("end of file")
        *lines, self._received = (self._received + data).split(b"\n")
        for line in filter(None, (line.strip() for line in lines)):
            try:
                message = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise QemuGone(f"it says {_shown(line[:100])}, which is no QMP") from error
            if not isinstance(message, dict):
                raise QemuGone(f"it says {_shown(message)}, which is no QMP")
            if "event" in message:
                facts = message.get("data")
                self.events.append((str(message["event"]), facts if isinstance(facts, dict) else {}))
            else:
                self._answers.append(message)

    def _wait_for_answer(self, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while not self._answers:
            if time.monotonic() > deadline:
                raise QemuGone(f"no answer in {timeout:g} s")
            self.receive(0.1)
        return self._answers.popleft()


def _shown(value: object) -> str:
    """Returns what the other end said, for a sentence: it may be no QEMU at all."""
    return value if isinstance(value, str) else ascii(value)[:200]
