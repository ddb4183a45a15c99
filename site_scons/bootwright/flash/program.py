"""`python -m bootwright.flash IMAGE DEV`: what `scons usb DEV=...` starts, and what works without SCons.

Only writing may need root. So a person looks, is asked and is refused as himself; then this very program is started
once more through sudo, with the answer, and looks again before it writes.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TextIO

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import size_text
from bootwright.flash import listing as device_list
from bootwright.flash.content import Content, Image
from bootwright.flash.device import Device, System, changed
from bootwright.flash.progress import Meter
from bootwright.flash.refusals import Wish, check_device
from bootwright.flash.systems import this_system
from bootwright.flash.writer import NOT_BOOTABLE, Writer, signals_handled_by

USAGE = """usage: flash [--json]                      lists the disks
       flash IMAGE DEV [YES=SERIAL] [BIG=1] [LOOP=1] [UNMOUNT=1]"""


@dataclass(frozen=True)
class Order:
    """What is to be written where: yes is YES=, identity what an outer run of this program looked at."""

    image: Path
    dev: str
    wish: Wish
    yes: str = ""
    identity: str = ""


@dataclass
class Terminal:
    """Where the person is: questions go to ask, lines to out and notes; none of them a terminal in a script."""

    ask: TextIO
    out: TextIO
    notes: TextIO

    def tell(self, line: str) -> None:
        """Prints one line for the person."""
        print(f"bootwright: {line}", file=self.notes, flush=True)


def flash(order: Order, terminal: Terminal, system: System | None = None) -> int:
    """Carries out the order; returns the exit status. Raises BootwrightError for every refusal and failure."""
    system = system or this_system()
    with signals_handled_by(_interrupt), Image(order.image) as image:
        try:
            device = _choose(system, order, image, terminal)
            if not system.may_write(device):
                return _as_root(order, device)
            return _write(system, _unmounted(system, order, device), image, terminal)
        except KeyboardInterrupt:
            # SCons and this program's own main catch it too, but do not know whether something was written.
            raise BootwrightError("interrupted; nothing was written", status=Status.INTERRUPTED) from None


def _choose(system: System, order: Order, image: Image, terminal: Terminal) -> Device:
    """Returns the device, which nothing speaks against and which the person meant."""
    wish = dataclasses.replace(order.wish, image_size=image.size)
    device = system.look(order.dev)
    check_device(device, wish)
    identity = order.identity or "/".join(device.identity)
    if not order.identity:
        _confirm(device, order, terminal)
        device = system.look(order.dev)  # the answer may have taken minutes
        check_device(device, wish)
    if "/".join(device.identity) != identity:
        raise changed(device.path, "another took its place before the answer")
    return device


def _unmounted(system: System, order: Order, device: Device) -> Device:
    """Returns the device with nothing of it mounted any more."""
    if not device.mounts:
        return device
    system.unmount(device)
    after = system.look(order.dev)
    if after.identity != device.identity:
        raise changed(device.path, "another took its place while it was unmounted")
    check_device(after, dataclasses.replace(order.wish, unmount=False))
    return after


def _write(system: System, device: Device, image: Image, terminal: Terminal) -> int:
    content = Content(image, device.size)
    meter = Meter(terminal.notes)
    medium = system.open(device)
    writer = Writer(device.path, medium, content, meter.show)
    try:
        written = writer.flash(image.disk_guid)
    except KeyboardInterrupt:
        if not writer.begun:
            raise
        raise BootwrightError(f"{device.path}: interrupted; {NOT_BOOTABLE}", status=Status.INTERRUPTED) from None
    finally:
        meter.end()
        medium.close()
    how = "of which only what differed was sent" if written.compared else "all of it sent"
    terminal.tell(f"{device.path} holds {image.path.name} and its partition tables, {size_text(written.held)}, {how}")
    terminal.tell(f"all of it was read back and is right; {written.sent} bytes were written in {meter.seconds:.1f} s")
    return Status.DONE


def _confirm(device: Device, order: Order, terminal: Terminal) -> None:
    """Shows what will be lost and returns when the person meant this device; raises otherwise."""
    for line in device_list.describe(device):
        print(line, file=terminal.notes, flush=True)
    if order.yes:
        answer, said = order.yes, f"YES={order.yes}"
    elif terminal.ask.isatty():
        print(
            f"All of it will be lost. Type the {device.token_name} to go on: ", end="", file=terminal.notes, flush=True
        )
        answer = terminal.ask.readline().strip()
        said = repr(answer)
    else:
        raise BootwrightError(
            f"{device.path} was not confirmed: there is no terminal to ask at and no YES=",
            f"YES={device.token} if it is the one you mean",
            Status.NO_TERMINAL,
        )
    if answer != device.token:
        raise BootwrightError(
            f"{said} is not the {device.token_name} of {device.path}, which is {device.token}",
            "nothing was written",
            Status.NOT_CONFIRMED,
        )


def _as_root(order: Order, device: Device) -> int:
    """Starts this program once more through sudo, with the answer that was given; returns its status."""
    sudo = shutil.which("sudo") if os.name == "posix" and os.geteuid() != 0 else None
    if sudo is None:
        raise BootwrightError(f"{device.path} may not be written by you", "an administrator may", Status.NO_PERMISSION)
    with subprocess.Popen([sudo, "--", *root_command(order, device)]) as process:
        while True:
            # Ctrl-C reaches the other process too, which knows what to say.
            with suppress(KeyboardInterrupt):
                return process.wait()


def root_command(order: Order, device: Device) -> list[str]:
    """Returns the command that root is to run. -I and -B: nothing of the person's environment, no files of root's."""
    package = str(Path(__file__).resolve().parents[2])
    program = (
        f"import sys; sys.path.insert(0, {package!r}); from bootwright.flash.program import main; sys.exit(main())"
    )
    words = [str(order.image.resolve()), order.dev, f"YES={device.token}", f"IDENTITY={'/'.join(device.identity)}"]
    switches = {"BIG": order.wish.big, "LOOP": order.wish.loop, "UNMOUNT": order.wish.unmount}
    return [sys.executable, "-I", "-B", "-c", program, *words, *(f"{name}=1" for name, on in switches.items() if on)]


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ends the writing alike for Ctrl-C, a closed terminal and kill."""
    raise KeyboardInterrupt


def read_order(arguments: Sequence[str]) -> Order:
    """Returns the order that the arguments of the program give; raises with the usage where they give none."""
    values = dict(word.split("=", 1) for word in arguments if "=" in word and word.split("=", 1)[0].isupper())
    words = [word for word in arguments if not ("=" in word and word.split("=", 1)[0].isupper())]
    unknown = set(values) - {"YES", "BIG", "LOOP", "UNMOUNT", "IDENTITY"}
    switches = {name: values.get(name, "0") for name in ("BIG", "LOOP", "UNMOUNT")}
    if len(words) != 2 or unknown or not set(switches.values()) <= {"0", "1"} or words[0].startswith("-"):
        raise BootwrightError(f"the arguments {' '.join(arguments)} are not understood", USAGE)
    on = {name.lower(): value == "1" for name, value in switches.items()}
    return Order(Path(words[0]), words[1], Wish(**on), values.get("YES", ""), values.get("IDENTITY", ""))


def main(arguments: Sequence[str] | None = None) -> int:
    """Is the program: lists the disks, or writes to one; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    terminal = Terminal(sys.stdin, sys.stdout, sys.stderr)
    try:
        if words in ([], ["--json"]):
            device_list.report(this_system(), Wish(), "-" if words else None, sys.stdout)
            return Status.DONE
        if words in (["-h"], ["--help"]):
            print(USAGE)
            return Status.DONE
        return flash(read_order(words), terminal)
    except BootwrightError as error:
        terminal.tell(str(error))
        return error.status
    except KeyboardInterrupt:
        terminal.tell("interrupted; nothing was written")
        return Status.INTERRUPTED
