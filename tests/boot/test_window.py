"""A run in a real window: how it is left, and what is said then."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from tests.boot.kernels import SMALL_KERNELS, Built, Workshop
from tests.boot.sectors import SPIN, Sector, child_that_runs, is_alive
from tests.boot.windows import close_window, x_server

from bootwright.base.errors import Status

pytestmark = [pytest.mark.needs("Xvfb", "qemu-window"), pytest.mark.xdist_group("window")]
IN_A_WINDOW = """
config = run.RunConfig(config.image, accelerator="tcg")
sys.exit(fault_run.run_and_tell(config, subject, sys.stdout, sys.stderr))
"""


def shown(built: Built) -> str:
    """Returns the call that runs a kernel in a window, with its symbols."""
    elf = f"Path({str(built.elf)!r})"
    return f"subject = subjects.Subject({elf}, {elf}.with_suffix('.png'), Path())\n{IN_A_WINDOW}"


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """The X server of this module's windows."""
    with x_server() as name:
        yield name


def test_closing_the_window_is_how_a_person_leaves(sector: Sector, display: str) -> None:
    with child_that_runs(sector(SPIN), IN_A_WINDOW, DISPLAY=display) as (child, pid):
        close_window(display)
        _, said = child.communicate(timeout=60)
        assert not is_alive(pid)
    assert said.endswith("bootwright: left by closing the window\n") and "no window" not in said
    assert child.returncode == 0


def test_a_panic_in_a_window_is_reported_while_it_is_open(workshop: Workshop, display: str) -> None:
    built = workshop.build(SMALL_KERNELS / "faults" / "handled.rs", tests=False, flags=("--cfg", "loops"))
    with child_that_runs(built.image, shown(built), DISPLAY=display) as (child, pid):
        assert child.stderr is not None
        said = ""
        while "  screen " not in said:
            line = child.stderr.readline()
            assert line, said
            said += line
        assert "bootwright: the kernel comes no further, RIP=0x" in said
        assert "fault: null pointer in handled::cause, " in said
        assert is_alive(pid)
        close_window(display)
        _, rest = child.communicate(timeout=60)
    assert rest == "bootwright: left by closing the window; the fault is told above\n"
    assert child.returncode == Status.GUEST_DIED


def test_an_idle_kernel_in_a_window_is_not_taken_for_a_dead_one(workshop: Workshop, hello: Built, display: str) -> None:
    with child_that_runs(hello.image, shown(hello), DISPLAY=display) as (child, _):
        time.sleep(6)
        close_window(display)
        _, said = child.communicate(timeout=60)
    assert said.endswith("leaves\nbootwright: left by closing the window\n"), said
    assert child.returncode == 0
