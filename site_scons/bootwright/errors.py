"""The statuses that bootwright's programs return, and the one exception for a user's mistake."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Exit statuses of `scons` and of the tools; 10 to 39 belong to the flasher."""

    DONE = 0
    BUILD_ERROR = 2
    GUEST_RESET = 3
    LOADER_FAILURE = 4
    QEMU_NOT_STARTED = 5


class BootwrightError(Exception):
    """A mistake of the user or of the machine, told in one sentence.

    The message is lower case, names the thing and both numbers or the path, and has no full stop;
    hint says what to do. It is shown without a traceback; a fault of our own never uses this class.
    """

    def __init__(self, message: str, hint: str = "", status: int = Status.BUILD_ERROR) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = int(status)

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message
