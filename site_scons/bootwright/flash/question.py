"""The question before a disk is written: what will be lost is shown, and the person types which disk is meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from bootwright.base.errors import BootwrightError, Status
from bootwright.flash import listing
from bootwright.flash.device import Device
from bootwright.flash.voice import Terminal, Voice


def confirm(device: Device, yes: str, terminal: Terminal, gets: str = "") -> None:
    """Returns when the person meant this device, by YES= or by typing its serial; raises otherwise.

    gets says what it is to hold.
    """
    if yes:
        _show(device, terminal.voice, gets)
        answer, said = yes, f"YES={yes}"
    else:
        with _person(device, terminal) as (stream, voice):
            _show(device, voice, gets)
            # What was typed before the question was seen is no answer to it.
            _forget_typed(stream)
            voice.tell("All of it will be lost.")
            try:
                voice.write(f"Type the {device.token_name} to go on: ")
                answer = stream.readline().strip()
            except KeyboardInterrupt:
                voice.write("\n")  # what is said of it begins a line
                raise
        said = repr(answer)
    if answer != device.token:
        raise BootwrightError(
            f"{said} is not the {device.token_name} of {device.path}, which is {device.token}",
            "nothing was written",
            Status.NOT_CONFIRMED,
        )


def _show(device: Device, voice: Voice, gets: str) -> None:
    lines = [*listing.describe(device), *([f"It gets {gets}"] if gets else [])]
    voice.tell("\n".join(lines))


@contextmanager
def _person(device: Device, terminal: Terminal) -> Iterator[tuple[TextIO, Voice]]:
    """Yields where the answer is typed, and where the question is seen: there too, though stderr goes to a file."""
    stream = terminal.ask
    if stream is None or not stream.isatty():
        raise _nobody(device)
    if terminal.voice.isatty():
        yield stream, terminal.voice
        return
    with ExitStack() as stack:
        try:
            screen = stack.enter_context(
                Path(_screen_of(stream)).open("w", encoding="utf-8", errors="backslashreplace")
            )
        except OSError as error:
            raise _nobody(device) from error
        yield stream, Voice(screen)


def _nobody(device: Device) -> BootwrightError:
    return BootwrightError(
        f"{device.path} was not confirmed: there is no terminal to ask at and no YES=",
        f"YES={device.token} if it is the one you mean",
        Status.NO_TERMINAL,
    )


def _screen_of(stream: TextIO) -> str:
    """Returns the path of the terminal that a stream reads from."""
    if os.name == "nt":
        return "CONOUT$"
    try:
        return os.ttyname(stream.fileno())
    except OSError:
        return "/dev/tty"


def _forget_typed(stream: TextIO) -> None:
    """Drops what the terminal has read ahead."""
    if os.name == "nt":
        import msvcrt

        while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]  # Windows has it
            msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]  # the same
        return
    import termios

    try:
        termios.tcflush(stream.fileno(), termios.TCIFLUSH)
    except (OSError, ValueError, termios.error):
        return  # no terminal of the system's own, which holds nothing back
