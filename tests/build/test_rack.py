"""BOARD=: `scons run` and `scons test` on a place of a real labgrid, whose board is a QEMU behind a power socket."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Built, Checkout
from tests.labgrid_rig import BY_NETWORK, PLACE, Rack, open_rack

from bootwright.base.errors import BootwrightError
from bootwright.run.place import find_client

pytestmark = [pytest.mark.xdist_group("rack"), pytest.mark.needs("qemu-system-x86_64")]
OFF_SECONDS = 5.0


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    with open_rack(tmp_path_factory.mktemp("rack")) as made:
        yield made


@contextlib.contextmanager
def started(checkout: Checkout, rack: Rack, *words: str, user: str = "tester") -> Iterator[subprocess.Popen[str]]:
    """Gives a scons that runs on the rack's board, in a session of its own."""
    place = [] if any(word.startswith("BOARD=") for word in words) else [f"BOARD={PLACE}"]
    command = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path), *place, *words]
    with subprocess.Popen(
        command, env={**rack.environment, "LG_USERNAME": user}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        yield process


def scons(checkout: Checkout, rack: Rack, *words: str) -> Built:
    with started(checkout, rack, *words) as process:
        said = process.communicate(timeout=300)[0]
    return Built(process.returncode, said)


def wait_until_on(rack: Rack, client: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not rack.board.is_on:
        if time.monotonic() > deadline or client.poll() is not None:
            client.kill()
            raise AssertionError(client.communicate()[0])
        time.sleep(0.02)


def check_left(rack: Rack, since: float) -> None:
    """Checks that the board is off within OFF_SECONDS of since, and that nobody holds the place soon after."""
    deadline = since + OFF_SECONDS
    while rack.board.is_on:
        assert time.monotonic() < deadline, "the power is still on"
        time.sleep(0.02)
    while rack.holder != "None":
        assert time.monotonic() < deadline + 10, rack.holder
        time.sleep(0.2)


def test_the_kernels_tests_have_the_same_names_and_verdicts_as_in_qemu(
    built: Checkout, rack: Rack, pytestconfig: pytest.Config
) -> None:
    shutil.copy2(HOME / "conftest.py", built.path)
    words = ("test", "TESTS=kernel/hello/boots kernel/hello/should_panic")
    with_board = scons(built, rack, *words)
    line = re.compile(r"^(passed|FAILED) +[\d.]+ s  (\S+)$", re.MULTILINE)
    assert with_board.status == 0, with_board.output
    told = line.findall(with_board.output)
    assert len(told) == 4 and sorted(told) == sorted(line.findall(built.scons(*words, "-j1").output))
    check_left(rack, time.monotonic())
    if not pytestconfig.getoption("--soak"):
        return
    main = built.path / "kernel" / "tests" / "boots.rs"
    main.write_text(main.read_text().replace(".all(|byte| *byte == 0)", ".all(|byte| *byte == 1)"))
    failed = scons(built, rack, "test", "TESTS=kernel/hello/boots")
    assert failed.status == 1 and re.search(r"^FAILED +[\d.]+ s  kernel/hello/boots::statics_", failed.output, re.M)
    assert "panicked at" in failed.output and "tests/boots.rs" in failed.output, failed.output
    check_left(rack, time.monotonic())


def test_two_clients_at_once_take_turns_and_who_will_not_wait_is_told(built: Checkout, rack: Rack) -> None:
    """The first one ends by Ctrl-C, the second one by its time-out; both leave the board off and free."""
    copy = Checkout(built.path.with_name("another"))
    shutil.rmtree(copy.path, ignore_errors=True)
    shutil.copytree(built.path, copy.path)
    with started(built, rack, "run") as first:
        wait_until_on(rack, first)
        refused = scons(copy, rack, "run", "--headless", "TIMEOUT=2", "BOARD_WAIT=0")
        assert refused.status == 5, refused.output
        assert f"bootwright: BOARD={PLACE}: it is held by you\n  hint: BOARD_WAIT=" in refused.output, refused.output
        with started(copy, rack, "run", "--headless", "TIMEOUT=2", user="other") as second:
            assert second.stdout is not None
            waits = f"bootwright: BOARD={PLACE} is held by here/tester; waiting up to 600 s (BOARD_WAIT=0 does not)\n"
            while (line := second.stdout.readline()) != waits:
                assert line, "the second client ended"
            first.send_signal(signal.SIGINT)
            said = second.communicate(timeout=300)[0]
        assert (first.wait(60), second.returncode) == (130, 0), said
    assert "Hello World!" in said and "bootwright: the kernel was still running at TIMEOUT=2\n" in said, said
    assert rack.board.card.read_bytes()[: 1 << 20] == copy.image()[: 1 << 20]
    assert [what for what, _ in rack.board.events[-4:]] == ["on", "off", "on", "off"]
    check_left(rack, time.monotonic())


def test_whose_client_is_killed_is_switched_off_and_free(
    built: Checkout, rack: Rack, pytestconfig: pytest.Config
) -> None:
    shutil.copy2(HOME / "conftest.py", built.path)
    for words in (["run"], ["test", "TESTS=kernel/hello/boots"]) if pytestconfig.getoption("--soak") else (["run"],):
        with started(built, rack, *words) as client:
            wait_until_on(rack, client)
            since = time.monotonic()
            client.kill()
            check_left(rack, since)


@pytest.mark.parametrize("uefi", [False, True], ids=["BIOS", "UEFI"])
def test_a_board_without_a_card_is_served_what_it_starts_from(built: Checkout, rack: Rack, uefi: bool) -> None:
    rack.networked.uefi = uefi
    rack.networked.events.clear()
    shutil.copy2(HOME / "conftest.py", built.path)
    if not uefi:  # that firmware says something at once, and then takes its time, which TIMEOUT= counts
        ran = scons(built, rack, "run", "--headless", "TIMEOUT=2", f"BOARD={BY_NETWORK}")
        assert ran.status == 0 and "Hello World!" in ran.output, ran.output
    tried = scons(built, rack, "test", "TESTS=kernel/hello/should_panic", f"BOARD={BY_NETWORK}")
    assert tried.status == 0 and re.search(r"^passed +[\d.]+ s  kernel/hello/should_panic", tried.output, re.M), tried
    assert [what for what, _ in rack.networked.events] == ["on", "off"] * (1 if uefi else 2)


def test_what_a_board_cannot_be_asked_is_refused(built: Checkout) -> None:
    assert "MEMORY=1G is about a virtual machine, and BOARD=pc1 names a board" in built.refuse(
        "run", "BOARD=pc1", "MEMORY=1G"
    )


def test_without_labgrid_it_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BootwrightError, match="BOARD= needs labgrid-client on PATH") as raised:
        find_client()
    assert raised.value.hint == "./sconsw with the same words adds it to .venv"
