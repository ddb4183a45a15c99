"""What the rooms share: hypothesis's settings, whether it is a soak, a workshop for kernels and the example's image."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from tests.boot.kernels import KERNEL, Built, Workshop, open_workshop

from conftest import IN_CI

# No deadline: the machine that runs the tests may be busy. In CI the examples are the same each time.
settings.register_profile("bootwright", deadline=None, derandomize=IN_CI)
settings.load_profile("bootwright")


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether long tests are made in full."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """What builds small kernels, once for all tests of this process."""
    directory, base = tmp_path_factory.mktemp("kernels"), tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "workshops"  # xdist's workers have it too
    shared.mkdir(exist_ok=True)
    return open_workshop(directory, shared)


@pytest.fixture(scope="session")
def hello(workshop: Workshop) -> Built:
    """The example kernel."""
    return workshop.build(KERNEL / "src" / "main.rs", "hello", tests=False)
