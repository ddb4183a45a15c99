"""What the flasher's tests share. They make loop devices, which root alone may.

They take turns, those of another run on this machine too: a case that detaches a device must find it free again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flash.rig import make_image

from bootwright.base.filelock import lock_file
from bootwright.base.sizes import MIB


@pytest.fixture(autouse=True)
def media_of_its_own() -> Iterator[None]:
    """Leaves a test out where this is not root, and lets one test on this machine have loop devices at a time."""
    if os.name != "posix" or os.geteuid() != 0:
        raise pytest.skip.Exception(
            "only root makes loop devices; sudo ./sconsw test TESTS=flash", _use_item_location=True
        )
    with lock_file(Path(tempfile.gettempdir(), "bootwright-media.lock"), lambda: None):
        yield


@pytest.fixture(scope="session")
def small_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of 4 MiB."""
    return make_image(tmp_path_factory.mktemp("image") / "hello.img", 4 * MIB)
