"""Byte channels between us and a QEMU that we start: one that talks both ways, and ones that only QEMU writes.

What the guest says last must not be lost when QEMU exits right behind it. A socket holds a few hundred bytes when each
comes alone, and QEMU drops what did not fit; a pipe holds them all. Where there are no pipes with names, a file does.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

POSIX = os.name == "posix"
PIPE_SIZE = 1 << 20


class SocketChannel:
    """One socket chardev of QEMU's, named name: inherited where that exists, else loopback TCP.

    `option` is the -chardev argument, `descriptors` is what QEMU must inherit.
    """

    def __init__(self, name: str, posix: bool = POSIX) -> None:
        self.descriptors: tuple[int, ...] = ()
        self._theirs: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._ours: socket.socket | None = None
        if posix:
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
        assert self._ours is not None, "the channel is used before QEMU is connected"
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


class OutputChannel:
    """One chardev that QEMU writes and we read, named name, with its files in directory; `option` as above."""

    def __init__(self, name: str, directory: Path, posix: bool = POSIX) -> None:
        path = directory / name
        quoted = str(path).replace(",", ",,")
        if posix:
            # QEMU reads NAME.in, where nobody writes, and writes NAME.out.
            os.mkfifo(f"{path}.in", 0o600)
            os.mkfifo(f"{path}.out", 0o600)
            self._descriptor = os.open(f"{path}.out", os.O_RDONLY | os.O_NONBLOCK)
            with contextlib.suppress(ImportError, AttributeError, OSError):
                import fcntl

                fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
            self.option = f"pipe,id={name},path={quoted}"
        else:
            path.touch(0o600)
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            self.option = f"file,id={name},path={quoted}"
        self.selectable = posix
        self.ended = False  # the last read() found nobody who writes

    def fileno(self) -> int:
        """Returns the descriptor for a selector, which can wait for it if `selectable`."""
        return self._descriptor

    def read(self) -> bytes:
        """Returns what QEMU wrote since the last call, without waiting; at most about PIPE_SIZE of it at a time."""
        data = bytearray()
        with contextlib.suppress(BlockingIOError):
            self.ended = False
            while len(data) < PIPE_SIZE:
                more = os.read(self._descriptor, 1 << 16)
                if not more:
                    self.ended = True
                    break
                data += more
        return bytes(data)

    def close(self) -> None:
        """Closes our end."""
        os.close(self._descriptor)
