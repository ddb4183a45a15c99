"""Byte channels between us and a QEMU that we start: an inherited socket where there is one, else loopback TCP."""

from __future__ import annotations

import os
import socket
import time

INHERIT = os.name == "posix"


class Channel:
    """One socket chardev of QEMU's, named id; `option` is the -chardev argument, `descriptors` what to inherit."""

    def __init__(self, name: str, inherit: bool = INHERIT) -> None:
        self.name = name
        self.descriptors: tuple[int, ...] = ()
        self._theirs: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._ours: socket.socket | None = None
        if inherit:
            self._ours, self._theirs = socket.socketpair()
            self.descriptors = (self._theirs.fileno(),)
            self.option = f"socket,id={name},fd={self._theirs.fileno()}"
        else:
            # Windows hands no descriptor on: QEMU, as the client, finds a port that only this machine can reach.
            self._listener = socket.create_server(("127.0.0.1", 0))
            self._listener.settimeout(0.05)
            self.option = f"socket,id={name},host=127.0.0.1,port={self._listener.getsockname()[1]},server=off"

    @property
    def socket(self) -> socket.socket:
        """Our end; connect() comes first."""
        assert self._ours is not None, f"channel {self.name} is used before QEMU is connected"
        return self._ours

    def connect(self, timeout: float) -> bool:
        """Returns whether QEMU's end is there after at most timeout seconds; called once QEMU was started."""
        if self._theirs is not None:
            self._theirs.close()
            self._theirs = None
        deadline = time.monotonic() + timeout
        while self._listener is not None:
            try:
                self._ours, _ = self._listener.accept()
            except TimeoutError:
                if time.monotonic() > deadline:
                    return False
                continue
            self._listener.close()
            self._listener = None
        return True

    def close(self) -> None:
        """Closes whatever is open; QEMU sees the end of file."""
        for end in (self._ours, self._theirs, self._listener):
            if end is not None:
                end.close()
