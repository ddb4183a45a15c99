"""What a UEFI firmware says on the serial port before the kernel begins: kept back, and shown where nothing follows.

Its console is on the serial port as well as on the screen. The loader clears such a terminal when the firmware is gone,
as it clears the screen, in words that firmware does not use: from there on everything is the kernel's.
"""

from __future__ import annotations

import re

from bootwright.image.layout import TERMINAL_CLEARED

# Control sequences of terminals (ECMA-48, chapter 5.4).
_SEQUENCE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")

_REFUSED = re.compile(rb"BdsDxe: failed to (?:load|start) Boot[^\r]*: (?:Access Denied|Security Violation)")


class FirmwareText:
    """Takes the bytes of a serial port in their order; `over` once the firmware is gone."""

    def __init__(self, expected: bool) -> None:
        self.over = not expected
        self._kept = bytearray()

    def pass_on(self, data: bytes) -> bytes:
        """Returns what of data comes from the kernel."""
        if self.over:
            return data
        # A mark may come in two pieces.
        start = max(0, len(self._kept) - len(TERMINAL_CLEARED))
        self._kept += data
        at = self._kept.find(TERMINAL_CLEARED, start)
        if at < 0:
            return b""
        rest = bytes(self._kept[at + len(TERMINAL_CLEARED) :])
        self._kept.clear()
        self.over = True
        return rest

    @property
    def refuses(self) -> bool:
        """Whether EDK2 said that the program on the disk is refused; what it tries then, its shell, is as well."""
        return not self.over and _REFUSED.search(self._kept) is not None

    def rest(self) -> bytes:
        """Returns what was kept back, as plain text: where the kernel never began, it may say why."""
        kept, self._kept = bytes(self._kept), bytearray()
        return _SEQUENCE.sub(b"", kept)
