"""What the flasher is asked for: an image, a disk, and the words that go with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.flash.refusals import Wish

USAGE = """usage: flash [--json]                      lists the disks
       flash IMAGE DEV [YES=SERIAL] [BIG=1] [LOOP=1] [UNMOUNT=1]"""
SWITCHES = ("BIG", "LOOP", "UNMOUNT")


@dataclass(frozen=True)
class Order:
    """What is to be written where: yes is YES=, identity what an outer run of this program looked at and was told."""

    image: Path
    dev: str
    wish: Wish
    yes: str = ""
    identity: str = ""


def read_order(arguments: Sequence[str], within: bool = False) -> Order:
    """Returns the order that the arguments of the program give; raises with the usage where they give none.

    within: they come from this program itself, which says what it looked at.
    """
    values = dict(word.split("=", 1) for word in arguments if _is_value(word))
    words = [word for word in arguments if not _is_value(word)]
    unknown = set(values) - {"YES", *SWITCHES, *(["IDENTITY"] if within else [])}
    switches = {name: values.get(name, "0") for name in SWITCHES}
    if len(words) != 2 or unknown or not set(switches.values()) <= {"0", "1"} or words[0].startswith("-"):
        raise BootwrightError(f"the arguments {' '.join(arguments)} are not understood", USAGE)
    on = {name.lower(): value == "1" for name, value in switches.items()}
    return Order(Path(words[0]), words[1], Wish(**on), values.get("YES", ""), values.get("IDENTITY", ""))


def _is_value(word: str) -> bool:
    return "=" in word and word.split("=", 1)[0].isupper()
