"""The person before the flasher: where the question goes, what counts as an answer, and output that nobody takes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.flash.rig import (
    PROGRAM,
    SECONDS,
    at_terminal,
    flash,
    flash_at_terminal,
    is_right,
    loop,
    make_backing,
    make_image,
    read_until,
)

from bootwright.base.errors import Status
from bootwright.base.sizes import MIB

pytestmark = [pytest.mark.needs("losetup"), pytest.mark.xdist_group("media")]
PROMPT = b"to go on: "


@pytest.mark.parametrize(
    "redirection", ["2>/dev/full", "2>&-", "0<&- 1>&- 2>&-", "2>&1 >/dev/full", "2>&1 | true"], ids=str
)
def test_output_that_cannot_be_printed_decides_nothing(tmp_path: Path, small_image: Path, redirection: str) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        words = [*PROGRAM, str(small_image), *device.words()]
        script = f'{{ "$@"; echo $? > "$STATUS"; }} {redirection}'
        environment = {**os.environ, "STATUS": str(tmp_path / "status")}
        done = subprocess.run(["sh", "-c", script, "sh", *words], env=environment, timeout=SECONDS, check=False)
        assert (tmp_path / "status").read_text() == "0\n", done
        assert is_right(device.data(), small_image)


def test_a_terminal_that_is_closed_while_a_medium_is_written_decides_nothing(tmp_path: Path) -> None:
    image = make_image(tmp_path / "hello.img", 64 * MIB)
    with loop(make_backing(tmp_path / "disk", 80 * MIB)) as device:
        # setsid: the terminal is the program's own, so that it is told by SIGHUP too.
        with at_terminal(["setsid", "--ctty", "--wait", *PROGRAM, str(image), *device.words()]) as (process, master):
            read_until(master, b"writing ")
            os.close(master)
            status = process.wait(SECONDS)
        assert status == 0
        assert is_right(device.data(), image)


def test_a_question_is_seen_though_stderr_goes_to_a_file(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device, (tmp_path / "log").open("wb") as log:
        words = [*PROGRAM, str(small_image), device.path, "LOOP=1"]
        with at_terminal(words, stderr=log.fileno()) as (process, master):
            said = read_until(master, PROMPT)
            assert device.path.encode() in said
            assert b"16 MiB" in said
            os.write(master, f"{device.size}\n".encode())
            assert process.wait(SECONDS) == 0
        assert is_right(device.data(), small_image)
    assert PROMPT not in (tmp_path / "log").read_bytes()
    assert b"read back and is right" in (tmp_path / "log").read_bytes()


def test_what_was_typed_before_the_question_is_no_answer(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        before = device.data()
        # The shell waits, so that the line is there before the program is.
        script = ["sh", "-c", 'sleep 0.3; exec "$@"', "sh", *PROGRAM, str(small_image), device.path, "LOOP=1"]
        with at_terminal(script) as (process, master):
            os.write(master, f"{device.size}\n".encode())
            said = read_until(master, PROMPT)
            assert said.endswith(PROMPT)
            os.write(master, b"no\n")
            assert process.wait(SECONDS) == Status.NOT_CONFIRMED
        assert device.data() == before


@pytest.mark.parametrize("answered", [True, False], ids=["with YES", "without"])
def test_what_was_looked_at_is_no_word_of_the_command_line(tmp_path: Path, small_image: Path, answered: bool) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        number = Path(f"/sys/block/{device.name}/dev").read_text().strip()
        sequence = Path(f"/sys/block/{device.name}/diskseq").read_text().strip()
        identity = f"IDENTITY={number}/{sequence}/{device.size // 512}/"
        before = device.data()
        yes = [f"YES={device.size}"] if answered else []
        ended = flash(small_image, device.path, "LOOP=1", identity, *yes)
        assert ended.status == Status.BUILD_ERROR
        assert "usage: flash" in ended.said
        assert device.data() == before


def test_an_answer_with_blanks_around_it_is_one(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        ended = flash_at_terminal(f"  {device.size} \n", small_image, device.path, "LOOP=1")
        assert ended.status == 0, ended.said


def test_ctrl_c_at_the_question_is_told_in_a_line_of_its_own(tmp_path: Path, small_image: Path) -> None:
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        # Who starts tests in the background of a script has them ignore the signal.
        words: list[str | Path] = ["env", "--default-signal=INT", *PROGRAM, small_image, device.path, "LOOP=1"]
        with at_terminal(words) as (process, master):
            said = read_until(master, PROMPT)
            process.send_signal(signal.SIGINT)
            said += read_until(master, b"")
            assert process.wait(60) == Status.INTERRUPTED
    assert b"All of it will be lost.\r\nType the size in bytes to go on: " in said, said
    assert said.endswith(b"\r\nbootwright: interrupted; nothing was written\r\n"), said


def with_programs_of_a_person(directory: Path, names: Sequence[str]) -> dict[str, str]:
    """Returns an environment whose PATH has first programs of these names that leave a file when they are run."""
    directory.mkdir()
    for name in names:
        program = directory / name
        program.write_text(f"#!/bin/sh\ntouch '{directory}/ran'\nexit 1\n")
        program.chmod(0o755)
    return {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}


def test_programs_along_the_path_are_not_run(tmp_path: Path, small_image: Path) -> None:
    environment = with_programs_of_a_person(tmp_path / "bin", ["lsblk", "blkid", "umount"])
    with loop(make_backing(tmp_path / "disk", 16 * MIB)) as device:
        subprocess.run(["mkfs.ext4", "-q", "-F", device.path], check=True)
        place = tmp_path / "place"
        place.mkdir()
        subprocess.run(["mount", device.path, place], check=True)
        words = [*PROGRAM, str(small_image), *device.words(), "UNMOUNT=1"]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "ext4" in done.stderr  # which lsblk or blkid said
        assert is_right(device.data(), small_image)
    assert not (tmp_path / "bin" / "ran").exists()
