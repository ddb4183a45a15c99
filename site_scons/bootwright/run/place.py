"""A board in a rack: BOARD=name boots the image on a place of labgrid's, and its serial port says how that ended.

labgrid runs as a process apart (keeper.py), by the Python that it is installed for; when this process ends, in whatever
way, that one switches the power off and releases the place. Of a board nothing but its serial port is known: no screen,
no processor, and not the port by which a program ends QEMU.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TextIO

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.home import INSTALLED, PACKAGE
from bootwright.base.interrupts import interruptible
from bootwright.base.records import replace
from bootwright.loader.crates import SERVED, served_path
from bootwright.loader.failures import loader_sentences
from bootwright.machine import verdict
from bootwright.machine.transcript import Transcript
from bootwright.machine.verdict import Verdict
from bootwright.run.config import FIRMWARE_SECONDS, HEADLESS_TIMEOUT, RunConfig
from bootwright.run.voice import Voice, write

EXTRA = "rack"
KEEPER = PACKAGE / "run" / "keeper.py"
LIFE = "BOOTWRIGHT_LIFE"  # as keeper.py has it
CLIENT = "labgrid-client"
WRITE_SECONDS = 600.0  # for an image to be on the card
LEAVE_SECONDS = 10.0
QUIET_SECONDS = 0.3  # a loader that wrote a code but no end of line may go on for so long

Judge = Callable[[str], Verdict | None]  # of a test: what its serial port says of its end, None where it goes on


class Place:
    """A place that is kept until close(), for as many boots as are wanted."""

    def __init__(self, name: str, seconds: float, tell: Callable[[str], None]) -> None:
        self._name = name
        client = find_client()
        words = [_interpreter(client), str(KEEPER), name, str(seconds), str(client)]
        life = os.environ.get(LIFE)
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            pass_fds=[int(life)] if life else [],
        )  # fmt: skip
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None and self._process.stdin is not None
        self._said, self._orders = self._process.stdout, self._process.stdin
        self._selector.register(self._said, selectors.EVENT_READ)
        self._text = b""
        try:
            while "ready" not in (line := self._next(None)):
                if "held" in line:
                    tell(f"BOARD={name} is held by {line['held']}; waiting up to {seconds:g} s (BOARD_WAIT=0 does not)")
        except BaseException:
            self.close()
            raise

    def boot(self, config: RunConfig, voice: Voice, judge: Judge | None = None) -> Verdict:
        """Boots the image, and returns the verdict: judge's, the loader's, or that of the time-out."""
        timeout = config.timeout or (HEADLESS_TIMEOUT if config.headless else None)
        allowed = timeout or float("inf")
        image = config.image.absolute()
        self._order(boot=str(image), served={end: f"{served_path(image)}{end}" for end in SERVED})
        while "on" not in self._next(WRITE_SECONDS):
            pass
        heard = Transcript(config.restart_mark)
        # What the firmware takes is not the kernel's time; it says nothing, or where it does it has begun.
        begun, last, marks = time.monotonic() + FIRMWARE_SECONDS, 0.0, 0
        end: Verdict | None = None
        while end is None:
            now = time.monotonic()
            line = self._next(max(0.0, min(begun + allowed - now, 0.2)), silent=True)
            now = time.monotonic()
            if "heard" in line:
                data = base64.b64decode(line["heard"])
                heard.add(data)
                voice.say(data)
                begun, last = min(begun, now), now
                if heard.marks > marks:
                    marks, begun = heard.marks, now
            end = judge(heard.text) if judge else None
            complete = now - last > QUIET_SECONDS
            end = end or verdict.find_loader_failure(heard.text, complete, loader_sentences())
            if end is None and now >= begun + allowed:
                end = verdict.still_running(allowed, None)
        self._order(off=1)
        while "off" not in self._next(WRITE_SECONDS):
            pass
        return replace(end, serial=heard.text)

    def close(self) -> None:
        """Has the power switched off and the place released; returns when that is done."""
        with contextlib.suppress(OSError):
            self._orders.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LEAVE_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._selector.close()
        self._said.close()

    def _order(self, **words: object) -> None:
        try:
            self._orders.write(json.dumps(words).encode() + b"\n")
            self._orders.flush()
        except OSError as error:
            raise self._gone() from error

    def _next(self, seconds: float | None, silent: bool = False) -> dict[str, Any]:
        """Returns what the keeper says next, within so many seconds; with silent it need not say anything."""
        while b"\n" not in self._text:
            if not self._selector.select(seconds):
                if silent:
                    return {}
                raise BootwrightError(f"BOARD={self._name}: labgrid says nothing for {seconds:g} s", "", _NOT_STARTED)
            more = os.read(self._said.fileno(), 1 << 16)
            if not more:
                raise self._gone()
            self._text += more
        line, _, self._text = self._text.partition(b"\n")
        found = dict(json.loads(line))
        if "error" in found:
            hint = "BOARD_WAIT=SECONDS waits for it" if "held by" in found["error"] else ""
            raise BootwrightError(f"BOARD={self._name}: {found['error']}", hint, _NOT_STARTED)
        return found

    def _gone(self) -> BootwrightError:
        """Returns the sentence for a keeper that died, after doing what it was there for."""
        client = find_client()
        for words in (["power", "off"], ["release"]):
            subprocess.run([client, "-p", self._name, *words], capture_output=True, check=False)
        status = self._process.wait()
        return BootwrightError(f"BOARD={self._name}: labgrid's process ended with status {status}", "", _NOT_STARTED)


_NOT_STARTED = Status.QEMU_NOT_STARTED


def run_on_place(config: RunConfig, out: TextIO, notes: TextIO) -> Verdict:
    """Boots the image on the place of config once, and passes on what the board says."""
    copy: IO[bytes] | None = None
    with contextlib.ExitStack() as stack:
        if config.serial is not None:
            from bootwright.run.serial_copy import open_copy

            copy = stack.enter_context(open_copy(config.serial, lambda line: write(notes, f"bootwright: {line}\n")))
        voice = Voice(out, config.raw, copy)
        try:
            with interruptible():
                place = Place(config.place, config.place_wait, lambda line: write(notes, f"bootwright: {line}\n"))
                stack.callback(place.close)
                end = place.boot(config, voice)
        except KeyboardInterrupt as error:
            if getattr(error, "status", None) is not None:
                raise
            end = verdict.left("Ctrl-C", Status.INTERRUPTED)
        said = voice.end()
        if said:
            write(notes, f"bootwright: {said}\n")
        return end


_kept: dict[str, Place] = {}


def boot_test(config: RunConfig, judge: Judge) -> Verdict:
    """Boots a program of tests; the place is kept for the next one, until this process ends."""
    from bootwright.run.voice import Silence

    if config.place not in _kept:
        import atexit

        place = Place(config.place, config.place_wait, lambda line: write(sys.stderr, f"bootwright: {line}\n"))
        atexit.register(place.close)
        _kept[config.place] = place
    return _kept[config.place].boot(config, Voice(Silence()), judge)


def find_client() -> Path:
    """Returns labgrid's program: beside this Python, else on PATH."""
    here = Path(sys.executable).parent / CLIENT
    found = str(here) if here.is_file() else shutil.which(CLIENT)
    if found is None:
        command = f"pip install 'bootwright[{EXTRA}]'" if INSTALLED else "./sconsw with the same words adds it to .venv"
        raise BootwrightError(f"BOARD= needs {CLIENT} on PATH", command)
    return Path(found)


def _interpreter(client: Path) -> str:
    """Returns the Python that labgrid is installed for: the first line of its program names it."""
    with client.open("rb") as file:
        line = file.readline(1024).decode(errors="replace").strip()
    found = re.fullmatch(r"#!\s*(\S*python\S*)", line)
    return found[1] if found else str(client.parent / "python")
