"""The machine that cargo's runner names for a board's kernel, or a line that says that it is not started."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootwright.cargo.config import read_configuration
from bootwright.machine.boards import Board, board_named
from bootwright.machine.runner import tell_keys

ARM = board_named("mps2-an385")
RUNNER = "qemu-system-arm -cpu cortex-m3 -machine lm3s6965evb -nographic -kernel"
MACHINE = ("-cpu", "cortex-m3", "-machine", "lm3s6965evb")
EXACT = "[target.thumbv7m-none-eabi]\n"
CFG = "[target.'cfg(target_arch = \"arm\")']\n"
VARIABLE = "CARGO_TARGET_THUMBV7M_NONE_EABI_RUNNER"
SHELL = "runner = 'run.sh'\n"


def told(
    tmp_path: Path, text: str, board: Board | None = ARM, wanted: str = "run", runner: str = ""
) -> tuple[tuple[str, ...], list[str]]:
    """Returns the machine's words for a kernel with that configuration, and the lines that were told."""
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo/config.toml").write_text(text)
    configuration = read_configuration(
        tmp_path, {"CARGO_HOME": str(tmp_path / "none"), **({VARIABLE: runner} if runner else {})}
    )
    said: list[str] = []
    return tell_keys(configuration, "thumbv7m-none-eabi", board, [wanted], said.append), said


@pytest.mark.parametrize(
    "text",
    [
        EXACT + f"runner = '{RUNNER}'\n",
        EXACT + f"runner = {RUNNER.split()}\n",
        CFG + f"runner = '/opt/bin/{RUNNER}'\n",
        CFG + SHELL + EXACT + f"runner = '{RUNNER}'\n",
        CFG + f"runner = '{RUNNER}'\n[target.'cfg(unix)']\n" + SHELL,
        EXACT + f"runner = 'qemu-system-arm -S -s -display gtk {RUNNER.partition(' ')[2]}'\n",
    ],
)
def test_a_runner_that_is_the_boards_qemu_is_the_machine(tmp_path: Path, text: str) -> None:
    words, said = told(tmp_path, text)
    assert words == MACHINE
    (line,) = [line for line in said if " is the machine: " in line]
    assert line.endswith(".runner is the machine: -cpu cortex-m3 -machine lm3s6965evb")


def test_the_variable_wins_and_a_build_says_nothing(tmp_path: Path) -> None:
    words, said = told(tmp_path, EXACT + SHELL, runner=RUNNER)
    assert (words, said) == (MACHINE, [f"{VARIABLE} is the machine: {' '.join(MACHINE)}"])
    (tmp_path / "build").mkdir()
    assert told(tmp_path / "build", EXACT + f"runner = '{RUNNER}'\n", wanted="size") == (MACHINE, [])


@pytest.mark.parametrize(
    "text",
    [
        EXACT + SHELL,
        EXACT + f"runner = '{RUNNER.replace('-arm', '-aarch64')}'\n",
        EXACT + f"runner = '{RUNNER.replace('-kernel', '-bios')}'\n",
        EXACT + SHELL + CFG + f"runner = '{RUNNER}'\n",
        CFG + f"runner = '{RUNNER}'\n[target.'cfg(unix)']\nrunner = '{RUNNER}'\n",
    ],
)
def test_another_runner_is_named_in_a_line(tmp_path: Path, text: str) -> None:
    words, said = told(tmp_path, text)
    assert words == ()
    assert said
    assert all("is not started: run and test start the machine" in line for line in said)


@pytest.mark.parametrize("board", [None, board_named("pc")])
def test_a_kernel_that_no_board_runs_has_no_such_machine(tmp_path: Path, board: Board | None) -> None:
    words, said = told(tmp_path, EXACT + f"runner = '{RUNNER}'\n", board)
    assert words == ()
    assert "is not started" in said[0]
