"""The Tool for sticks: `scons usb DEV=...` writes the image, `scons usb` alone lists the disks.

Method: env.Usb(alias, kernels). Uses: DEV YES BIG LOOP UNMOUNT. Writing starts after SCons wrote its signatures.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from SCons.Environment import Base as Environment
from SCons.Script import GetOption

from bootwright.graph.actions import record
from bootwright.graph.nodes import KernelNodes, chosen_by, only


def add_usb(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that writes the image to DEV and verifies it, or lists the disks where there is no DEV."""

    def start() -> int:
        from bootwright.flash import listing, program, systems
        from bootwright.flash.order import Order
        from bootwright.flash.refusals import Wish
        from bootwright.flash.voice import Terminal

        wish = Wish(big=env["BIG"] == "1", loop=env["LOOP"] == "1", unmount=env["UNMOUNT"] == "1")
        if not env["DEV"]:
            words = chosen_by(but=("LOOP", "BIG", "UNMOUNT"))
            listing.report(systems.this_system(), wish, GetOption("json"), sys.stdout, words)
            return 0
        order = Order(only(name, kernels).disk, env["DEV"], wish, env["YES"])
        return program.flash(order, Terminal(sys.stdin, sys.stderr))

    record(env, name, [kernel.image for kernel in kernels if kernel.image] if env["DEV"] else [], start)


def generate(env: Environment) -> None:
    """Adds the method."""
    env.AddMethod(add_usb, "Usb")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up; a system whose disks are not known is said when it is used."""
    return True
