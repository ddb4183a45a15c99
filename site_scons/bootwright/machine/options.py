"""The person's arguments for QEMU: the one module that knows which words are options, and what belongs to them.

QEMU takes an option with one dash or with two, and its value as the next word, whatever that looks like.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record

TCG = "tcg"
DEFAULT_EXIT_PORT = 0x501  # isa-debug-exit's own
# Of qemu-options.hx, versions 7.1 to 10: those that take no value.
ALONE = {
    "S", "alt-grab", "ctrl-grab", "curses", "daemonize", "enable-fips", "enable-kvm", "enable-sync-profile",
    "full-screen", "h", "help", "mem-prealloc", "no-acpi", "no-fd-bootchk", "no-hpet", "no-quit", "no-reboot",
    "no-shutdown", "no-user-config", "nodefaults", "nographic", "nouserconfig", "old-param", "only-migratable",
    "portrait", "preconfig", "s", "sdl", "semihosting", "singlestep", "snapshot", "usb", "version", "win2k-hack",
    "xen-attach", "xen-domid-restrict",
}  # fmt: skip


@record(frozen=True)
class Option:
    """One option: its name with one dash ("" for a disk's name that stands alone), its value, and both as written."""

    name: str
    value: str
    words: tuple[str, ...]

    def having(self, value: str) -> Option:
        """Returns the option with another value."""
        return Option(self.name, value, (*self.words[:-1], value))


def read_options(flags: Iterable[str]) -> Iterator[Option]:
    """Yields the options that flags hold, in their order."""
    words = iter(flags)
    for word in words:
        name = word[1:] if word.startswith("--") else word
        if not name.startswith("-"):
            yield Option("", word, (word,))
        elif name[1:] in ALONE:
            yield Option(name, "", (word,))
        else:
            following = next(words, None)
            yield Option(name, following or "", (word,) if following is None else (word, following))


def written(options: Iterable[Option]) -> tuple[str, ...]:
    """Returns the words of options, as read_options took them."""
    return tuple(word for option in options for word in option.words)


def names(flags: Iterable[str], *wanted: str) -> bool:
    """Tells whether flags hold one of the options, each with one dash."""
    return any(option.name in wanted for option in read_options(flags))


def without(flags: Iterable[str], *unwanted: str) -> tuple[str, ...]:
    """Returns flags without these options, each with one dash, and without their values."""
    return written(option for option in read_options(flags) if option.name not in unwanted)


def has_own_log(flags: Iterable[str]) -> bool:
    """Tells whether flags hold a log of QEMU's."""
    return names(flags, "-d", "-D")


def accelerators(flags: Iterable[str]) -> list[str]:
    """Returns the accelerators that flags name, as they name them."""
    found = []
    for option in read_options(flags):
        if option.name == "-enable-kvm":
            found.append("kvm")
        elif option.name == "-accel":
            found.append(option.value)
        elif option.name in ("-machine", "-M"):
            found += re.findall(r"(?:^|,)accel=([^,]*)", option.value)
    return found


def is_chosen_by_hand(flags: Sequence[str]) -> bool:
    """Tells whether the user's arguments for QEMU name an accelerator."""
    return bool(accelerators(flags))


def has_window(flags: Iterable[str]) -> bool | None:
    """Tells whether flags ask for a screen that is seen outside the terminal; None where they say nothing of it."""
    answer = None
    for option in read_options(flags):
        if option.name == "-nographic" or (option.name == "-display" and option.value.split(",")[0] == "none"):
            answer = False
        elif option.name in ("-display", "-vnc", "-spice", "-curses") and answer is None:
            answer = True
    return answer


def split_flags(text: str) -> tuple[str, ...]:
    """Returns QEMUFLAGS as arguments: words as in a shell, quotes kept together, nothing expanded."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise BootwrightError(f"QEMUFLAGS={text}: {str(error).lower()}") from error


def take_exit_device(flags: Sequence[str]) -> tuple[int | None, tuple[str, ...]]:
    """Returns the port of the isa-debug-exit that flags name, None without one, and flags without the device."""
    port = None
    kept = []
    for option in read_options(flags):
        if option.name == "-device" and option.value.split(",")[0] == "isa-debug-exit":
            found = re.search(r",iobase=(\w+)", option.value)
            port = int(found[1], 0) if found else DEFAULT_EXIT_PORT
        else:
            kept.append(option)
    return port, written(kept)


def with_image(command: Sequence[str], image: Path) -> list[str]:
    """Returns command with image's path for {}. What the guest writes to that disk is kept from the file, as ever."""
    path = str(image.absolute())
    words: list[str] = []
    for option in read_options(command):
        if option.name == "-drive" and "{}" in option.value:
            value = option.value.replace("{}", path.replace(",", ",,"))
            option = option.having(value if "snapshot=" in option.value else f"{value},snapshot=on")
        elif option.name == "-hda" and option.value == "{}":
            file = path.replace(",", ",,")
            words += ["-drive", f"index=0,media=disk,format=raw,snapshot=on,file={file}"]
            continue
        words += [word.replace("{}", path) for word in option.words]
    return words


def under_tcg(flags: Sequence[str]) -> tuple[str, ...]:
    """Returns flags without an accelerator, a log, and a processor that only another accelerator has."""
    kept = []
    for option in read_options(flags):
        if option.name in ("-accel", "-d", "-D", "-enable-kvm") or (
            option.name == "-cpu" and option.value.startswith("host")
        ):
            continue
        if option.name in ("-machine", "-M"):
            option = option.having(re.sub(r",accel=[^,]*|^accel=[^,]*,?", "", option.value))
        kept.append(option)
    return written(kept)
