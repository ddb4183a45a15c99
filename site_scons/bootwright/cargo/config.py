"""build.target of .cargo/config.toml, which TARGET= falls back on; every other key is Cargo's own business."""

from __future__ import annotations

from pathlib import Path

from bootwright.cargo.toml import Table, read_toml, show


def read_default_target(directory: Path) -> str | None:
    """Returns the target that Cargo would build for in directory, or None where no file says.

    Cargo reads .cargo/config.toml (or .cargo/config) there and in each parent, and the nearest wins. The path of a
    specification is seen from the directory that holds .cargo, and returned absolute.
    """
    directory = directory.absolute()
    for place in (directory, *directory.parents):
        for name in ("config", "config.toml"):  # as Cargo does, which prefers the older name where both are there
            path = place / ".cargo" / name
            if path.is_file():
                target = _read(path, place)
                if target is not None:
                    return target
                break
    return None


def _read(path: Path, place: Path) -> str | None:
    build = Table(path, "", read_toml(path)).table("build")
    value = build.values.get("target")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise build.error("target", f"is {show(value)}, not one triple or path", "TARGET= names one for this build")
    return str(place / value) if value.endswith(".json") else value
