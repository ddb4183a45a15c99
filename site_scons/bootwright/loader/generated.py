"""The layout's facts as the generated crate layout of the loader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bootwright.image import layout
from bootwright.image.guid import Guid


@dataclass(frozen=True)
class Constant:
    """One generated Rust constant: `pub const NAME: TYPE = VALUE;`."""

    name: str
    kind: str
    value: str


def rust_constants() -> Iterable[Constant]:
    """Yields every public number of the layout as u64, bytes as they are, and every GUID as a GPT holds it."""
    for name, value in sorted(vars(layout).items()):
        if not name.isupper():
            continue
        if isinstance(value, int):
            yield Constant(name, "u64", f"{value:#x}")
        elif isinstance(value, bytes):
            yield Constant(name, f"[u8; {len(value)}]", str(list(value)))
        elif isinstance(value, Guid):
            yield Constant(name, "[u8; 16]", str(list(value.uuid.bytes_le)))


def rust_source() -> str:
    """Returns the source of the generated crate `layout`: no_std, constants alone."""
    lines = ["//! Generated from site_scons/bootwright/image/layout.py; edit that.", "#![no_std]", ""]
    lines += [f"pub const {c.name}: {c.kind} = {c.value};" for c in rust_constants()]
    return "\n".join(lines) + "\n"
