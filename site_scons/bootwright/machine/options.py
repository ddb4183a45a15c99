"""The person's arguments for QEMU: what they name, taken out or put in, whether an option has one dash or two."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError

TCG = "tcg"


def is_chosen_by_hand(flags: Sequence[str]) -> bool:
    """Tells whether the user's arguments for QEMU name an accelerator."""
    return any(flag in ("-accel", "--accel", "-enable-kvm", "--enable-kvm") or "accel=" in flag for flag in flags)


DEFAULT_EXIT_PORT = 0x501  # isa-debug-exit's own


def split_flags(text: str) -> tuple[str, ...]:
    """Returns QEMUFLAGS as arguments: words as in a shell, quotes kept together, nothing expanded."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise BootwrightError(f"QEMUFLAGS={text}: {str(error).lower()}") from error


def take_exit_device(flags: Sequence[str]) -> tuple[int | None, tuple[str, ...]]:
    """Returns the port of the isa-debug-exit that flags name, None without one, and flags without the device."""
    port = None
    kept: list[str] = []
    for flag in flags:
        if kept and kept[-1] in ("-device", "--device") and flag.split(",")[0] == "isa-debug-exit":
            found = re.search(r",iobase=(\w+)", flag)
            port = int(found[1], 0) if found else DEFAULT_EXIT_PORT
            kept.pop()
        else:
            kept.append(flag)
    return port, tuple(kept)


def with_image(command: Sequence[str], image: Path) -> list[str]:
    """Returns command with image's path for {}. What the guest writes to that disk is kept from the file, as ever."""
    path = str(image.absolute())
    words: list[str] = []
    for word in command:
        before = words[-1] if words else ""
        if before in ("-drive", "--drive") and "{}" in word:
            word = word.replace("{}", path.replace(",", ",,")) + ("" if "snapshot=" in word else ",snapshot=on")
        elif before in ("-hda", "--hda") and word == "{}":
            words[-1] = "-drive"
            word = f"index=0,media=disk,format=raw,snapshot=on,file={path.replace(',', ',,')}"
        words.append(word.replace("{}", path))
    return words


def under_tcg(flags: Sequence[str]) -> tuple[str, ...]:
    """Returns flags without an accelerator, a log, and a processor that only another accelerator has."""
    kept: list[str] = []
    skip = False
    for flag, value in zip(flags, (*flags[1:], ""), strict=False):
        if skip:
            skip = False
        elif (name := _option(flag)) in ("-accel", "-d", "-D") or (name == "-cpu" and value.startswith("host")):
            skip = True
        elif name != "-enable-kvm":
            in_machine = kept and _option(kept[-1]) in ("-machine", "-M")
            kept.append(re.sub(r",accel=[^,]*|^accel=[^,]*,?", "", flag) if in_machine else flag)
    return tuple(kept)


def _option(word: str) -> str:
    """Returns an option of QEMU's as it is usually written: QEMU takes --cpu for -cpu."""
    return word[1:] if word.startswith("--") else word
