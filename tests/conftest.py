"""What the rooms that boot share, boot and flash: one workshop for kernels, and the example kernel on its image."""

from __future__ import annotations

import pytest
from tests.boot.kernels import KERNEL, Built, Workshop, open_workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """What builds small kernels, once for all tests of this process."""
    return open_workshop(tmp_path_factory.mktemp("kernels"))


@pytest.fixture(scope="session")
def hello(workshop: Workshop) -> Built:
    """The example kernel."""
    return workshop.build(KERNEL / "src" / "main.rs", "hello", tests=False)
