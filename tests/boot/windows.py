"""An X server without a screen, and what a person does to a window on it: close it."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

CLIENT_MESSAGE = 33  # <X11/X.h>
SECONDS = 60.0


@contextlib.contextmanager
def x_server() -> Iterator[str]:
    """Gives the DISPLAY of an Xvfb that chose its number itself."""
    reading, writing = os.pipe()
    argv = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    with subprocess.Popen(argv, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as numbers:
                yield f":{numbers.readline().strip()}"
        finally:
            server.kill()


class _ClientMessage(ctypes.Structure):
    """XClientMessageEvent of <X11/Xlib.h>, padded to the size of any event."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 12),
    )


def close_window(display: str) -> None:
    """Asks each window on display that can be closed to close, as a window manager does for a cross.

    GTK has a hidden one beside the window that is seen, which does nothing then.
    """
    x11 = ctypes.CDLL(ctypes.util.find_library("X11"))
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XDefaultRootWindow.restype = x11.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    assert connection, f"no X server is at {display}"
    try:
        protocols = x11.XInternAtom(connection, b"WM_PROTOCOLS", 0)
        wanted = x11.XInternAtom(connection, b"WM_DELETE_WINDOW", 0)
        deadline = time.monotonic() + SECONDS
        windows: list[int] = []
        while len(windows) < 2:
            assert time.monotonic() < deadline, "there is no window that can be closed"
            time.sleep(0.1)
            windows = [one for one in _children(x11, connection) if wanted in _protocols(x11, connection, one)]
        for window in windows:
            message = _ClientMessage(
                type=CLIENT_MESSAGE, window=window, message_type=protocols, format=32, data=(wanted, 0, 0, 0, 0)
            )
            x11.XSendEvent(connection, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
        x11.XSync(connection, 0)
    finally:
        x11.XCloseDisplay(connection)


def _children(x11: Any, connection: ctypes.c_void_p) -> list[int]:
    root, parent = ctypes.c_ulong(), ctypes.c_ulong()
    found, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
    top = ctypes.c_ulong(x11.XDefaultRootWindow(connection))
    x11.XQueryTree(connection, top, *map(ctypes.byref, (root, parent, found, count)))
    return [int(found[number]) for number in range(count.value)]


def _protocols(x11: Any, connection: ctypes.c_void_p, window: int) -> list[int]:
    found, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_int()
    x11.XGetWMProtocols(connection, ctypes.c_ulong(window), ctypes.byref(found), ctypes.byref(count))
    return [int(found[number]) for number in range(count.value)]
