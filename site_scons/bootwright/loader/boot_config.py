"""boot.json beside a kernel's Cargo.toml: what bootloader 0.11's image builder takes as its BootConfig.

Source: rust-osdev/bootloader 0.11, boot-config/src/lib.rs. This loader shows nothing but failures: what is
about its messages has no effect and is told.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from bootwright.base.errors import BootwrightError
from bootwright.base.regular import read_text
from bootwright.image.kernel_file import KernelSettings

NAME = "boot.json"
_SIZES = {"minimum_framebuffer_width": "minimum_width", "minimum_framebuffer_height": "minimum_height"}
_MESSAGES = ("log_level", "frame_buffer_logging", "serial_logging")
_U64_MAX = (1 << 64) - 1


def read_boot_config(path: Path, settings: KernelSettings) -> tuple[KernelSettings, list[str]]:
    """Returns settings with what the file at path says of the frame buffer, and a line for each key without effect."""
    try:
        values = json.loads(read_text(path, encoding="utf-8-sig"))
    except ValueError as error:
        raise BootwrightError(f"{path} is no JSON: {error}") from error
    _check_keys(path, "", values, ("frame_buffer", *_MESSAGES))
    sizes = values.get("frame_buffer") or {}
    _check_keys(path, "frame_buffer.", sizes, _SIZES)
    wanted: dict[str, Any] = {}
    for key, name in _SIZES.items():
        value = sizes.get(key)
        if value is None:
            continue
        if type(value) is not int or not 0 <= value <= _U64_MAX:
            raise BootwrightError(f"{path}: frame_buffer.{key} is {json.dumps(value)}, no number of pixels")
        wanted[name] = value
    remarks = [
        f"{path}: {key} has no effect: the loader tells its failures, and nothing else"
        for key in _MESSAGES
        if key in values
    ]
    return dataclasses.replace(settings, **wanted), remarks


def _check_keys(path: Path, place: str, values: Any, known: Any) -> None:
    if not isinstance(values, dict):
        raise BootwrightError(f"{path}: {place.rstrip('.') or 'all of it'} is no object")
    for key in values:
        if key not in known:
            raise BootwrightError(f"{path}: there is no key {place}{key}", f"the keys are {', '.join(known)}")
