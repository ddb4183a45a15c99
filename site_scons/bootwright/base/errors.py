"""The statuses that bootwright's programs return, and the one exception for a user's mistake."""

from __future__ import annotations

from enum import IntEnum

from bootwright.base.records import record


class Status(IntEnum):
    """Exit statuses of `scons` and of the tools; 10 to 39 belong to the flasher."""

    DONE = 0
    TESTS_FAILED = 1
    BUILD_ERROR = 2
    GUEST_RESET = 3
    LOADER_FAILURE = 4
    QEMU_NOT_STARTED = 5
    GUEST_DIED = 6

    # The flasher's refusals: no byte was written.
    NO_SUCH_DEVICE = 10
    NOT_A_BLOCK_DEVICE = 11
    A_PARTITION = 12
    HOLDS_THE_SYSTEM = 13
    MOUNTED = 14
    SWAP = 15
    HELD = 16
    READ_ONLY = 17
    NO_MEDIUM = 18
    TOO_SMALL = 19
    TOO_BIG = 20
    SECTOR_SIZE = 21
    WRONG_BUS = 22
    BUSY = 23
    CHANGED = 24
    NO_TERMINAL = 25
    NOT_CONFIRMED = 26
    NO_PERMISSION = 27
    NOT_UNMOUNTED = 28
    BAD_IMAGE = 29
    NO_FLASHER = 30
    UNREADABLE = 31

    # What the flasher found once it had begun: the medium is not right, and its LBA 0 is zero where that could be done.
    WRITE_FAILED = 35
    NOT_VERIFIED = 36
    FALSE_CAPACITY = 37
    NOT_FINISHED = 38  # something else ended it, which a refusal before the first byte would have named

    INTERRUPTED = 130


class BootwrightError(Exception):
    """A mistake of the user or of the machine, told in one sentence.

    The message is lower case, names the thing and both numbers or the path, and has no full stop;
    hint says what to do. It is shown without a traceback; a fault of our own never uses this class.
    """

    def __init__(self, message: str, hint: str = "", status: int = Status.BUILD_ERROR) -> None:
        from bootwright.base.called import as_called  # a build without an error does not pay for them
        from bootwright.base.terminal import printable

        # Names and values come from other people's files, and the sentence goes to a terminal.
        self.message = printable(as_called(message))
        self.hint = printable(as_called(hint))
        super().__init__(self.message)
        self.status = int(status)

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class Lacks(BootwrightError):
    """What this machine lacks and a package could bring.

    lack says what, as a value of the room that missed it; who tells the error has setup.cures add the command. A hint
    that is there already comes after it.
    """

    def __init__(self, message: str, lack: object, hint: str = "", status: int = Status.BUILD_ERROR) -> None:
        super().__init__(message, hint, status)
        self.lack = lack


@record(frozen=True)
class LackOfProgram:
    """There is no program of that name on PATH."""

    name: str
