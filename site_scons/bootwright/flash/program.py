"""`python -m bootwright.flash IMAGE DEV`: what `scons usb DEV=...` starts, and what works without SCons.

Only writing may need root. So a person looks, is asked and is refused as himself; then this very program is started
once more through sudo, with the answer, and looks again before it writes.
"""

from __future__ import annotations

import dataclasses
import signal
import sys
from collections.abc import Callable, Sequence

from bootwright.base.errors import BootwrightError, Status
from bootwright.base.sizes import size_text
from bootwright.flash import listing
from bootwright.flash.content import Content, Image
from bootwright.flash.device import Device, System, changed
from bootwright.flash.order import USAGE, Order, read_order
from bootwright.flash.progress import Meter
from bootwright.flash.question import confirm
from bootwright.flash.refusals import Wish, check_device
from bootwright.flash.root import WRITES, Leash, write_as_root
from bootwright.flash.signals import handle_signals, interrupt, signals_handled_by
from bootwright.flash.systems import this_system
from bootwright.flash.voice import Terminal, fill_standard_streams
from bootwright.flash.writer import Writer

Tell = Callable[[str], None]


def flash(order: Order, terminal: Terminal, system: System | None = None, tell_stage: Tell = lambda stage: None) -> int:
    """Carries out the order; returns the exit status. Raises BootwrightError for every refusal and failure.

    tell_stage is called before the first byte is written.
    """
    fill_standard_streams()
    system = system or this_system()
    with signals_handled_by(interrupt):
        try:
            with Image(order.image) as image:
                device = _choose(system, order, image, terminal)
                if not system.may_write(device):
                    return write_as_root(order, device)
                return _write(system, _unmounted(system, order, device), image, terminal, tell_stage)
        except KeyboardInterrupt:
            # SCons and this program's own main catch it too, but do not know whether something was written.
            raise BootwrightError("interrupted; nothing was written", status=Status.INTERRUPTED) from None


def _choose(system: System, order: Order, image: Image, terminal: Terminal) -> Device:
    """Returns the device, which nothing speaks against and which the person meant."""
    wish = dataclasses.replace(order.wish, image_size=image.size)
    device = system.look(order.dev)
    check_device(device, wish)
    if order.identity:  # from a run of this program that has shown and asked; YES= is compared all the same
        confirm(device, order.yes or " ", Terminal(None, None))
        identity = order.identity
    else:
        confirm(device, order.yes, terminal, image.words())
        identity = "/".join(device.identity)
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


def _write(system: System, device: Device, image: Image, terminal: Terminal, tell_stage: Tell) -> int:
    content = Content(image, device.size)
    meter = Meter(terminal.voice)
    medium = system.open(device)
    writer = Writer(device.path, medium, content, meter.show)
    try:
        # A terminal that is closed can be told nothing more. That is no reason to leave a stick half written.
        handle_signals(signal.SIG_IGN, ["SIGHUP"])
        tell_stage(WRITES)
        writer.flash(image.disk_guid)
    except KeyboardInterrupt:
        if not writer.begun:
            raise
        if writer.complete is None:
            sentence = f"{device.path}: interrupted; {writer.aftermath()}"
            raise BootwrightError(sentence, status=Status.INTERRUPTED) from None
    finally:
        meter.end()
        medium.close()
    written = writer.complete
    assert written is not None, "whatever else ended it has raised"
    how = "of which only what differed was sent" if written.compared else "all of it sent"
    terminal.tell(f"{device.path} holds {image.path.name} and its partition tables, {size_text(written.held)}, {how}")
    terminal.tell(
        f"all of it was read back and is right; {written.sent} bytes were written in {meter.seconds:.1f} s, "
        "zeroed sectors and tables included"
    )
    return Status.DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Is the program: lists the disks, or writes to one; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    fill_standard_streams()
    terminal = Terminal(sys.stdin, sys.stderr)
    try:
        if words in ([], ["--json"]):
            listing.report(this_system(), Wish(), "-" if words else None, sys.stdout)
            return Status.DONE
        if words in (["-h"], ["--help"]):
            print(USAGE)
            return Status.DONE
        return flash(read_order(words), terminal)
    except BootwrightError as error:
        terminal.tell(str(error))
        return error.status
    except KeyboardInterrupt:
        terminal.tell("interrupted")
        return Status.INTERRUPTED


def main_as_root() -> int:
    """Is the part of the program that a person's run of it starts through sudo."""
    terminal = Terminal(None, sys.stderr)
    fill_standard_streams()
    try:
        order = read_order(sys.argv[1:], within=True)
        return flash(order, terminal, tell_stage=Leash().tell)
    except BootwrightError as error:
        terminal.tell(str(error))
        return error.status
    except KeyboardInterrupt:
        terminal.tell("interrupted")
        return Status.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
