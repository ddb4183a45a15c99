"""Programs that come privately: real packages of a small archive, the real apt and dpkg-deb, nothing installed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.build.archive import SmallArchive, ask, installed, real_patchelf

from bootwright.base import storage_space
from bootwright.base.digests import shared_objects
from bootwright.base.errors import BootwrightError
from bootwright.setup import doctor, private_programs
from bootwright.storage.store import Store

HOME = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.needs("dpkg-deb", "cc"), pytest.mark.xdist_group("private")]
INSTALL = """
import sys
from pathlib import Path
from bootwright.base.errors import BootwrightError
from bootwright.setup.private_programs import PrivatePrograms
from bootwright.storage.store import Store
import os
programs = PrivatePrograms(Store(Path(sys.argv[1])), sys.argv[2], os.environ, lambda line: print(line, flush=True))
try:
    print(programs.install(programs.archive(), ["greeter", "waver"], ["greeter"], "a test wants it"))
except BootwrightError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def patchelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_patchelf(tmp_path_factory.mktemp("real"))


@pytest.fixture
def archive(tmp_path: Path, patchelf: Path) -> SmallArchive:
    return SmallArchive(tmp_path / "archive", patchelf)


def install(archive: SmallArchive, store: Path, *packages: str) -> Path:
    programs = archive.programs(store)
    return programs.install(programs.archive(), packages or ("greeter",), ["greeter"], "a test wants it")


def command(archive: SmallArchive, store: Path) -> list[str]:
    return [sys.executable, "-c", INSTALL, str(store), archive.system]


def start(archive: SmallArchive, store: Path, before: list[str] | None = None) -> subprocess.Popen[str]:
    environ = {**archive.environ, "PYTHONPATH": str(HOME / "site_scons")}
    return subprocess.Popen(
        [*(before or []), *command(archive, store)], env=environ, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def test_a_program_finds_its_own_library_and_leaks_no_search_path(archive: SmallArchive, tmp_path: Path) -> None:
    before = installed(archive)
    programs = install(archive, tmp_path / "store")
    greeter = programs / "greeter"
    run = subprocess.run([greeter], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert run.stdout.startswith("Hello from the library\n")
    assert "LD_LIBRARY_PATH" not in run.stdout
    library = next(path for path in shared_objects(greeter, os.environ) if path.name == "libgreet.so.1")
    assert library.resolve().is_relative_to((tmp_path / "store").resolve())
    assert installed(archive) == before
    assert sorted(path.name for path in programs.iterdir()) == ["greeter"]
    assert doctor._origin(greeter, os.environ) == "private"


def test_one_line_says_what_comes_why_and_how_much_and_the_second_time_nothing_comes(
    archive: SmallArchive, tmp_path: Path
) -> None:
    first = install(archive, tmp_path / "store")
    (line,) = [line for line in archive.told if "privately" in line]
    assert line.startswith("greeter comes privately, since a test wants it: 3 packages into ")
    assert line.endswith("MB on the disk); the system stays as it is")
    shutil.rmtree(archive.pool)
    archive.told.clear()
    assert private_programs.newest(Store(tmp_path / "store"), archive.system) == first
    assert install(archive, tmp_path / "store") == first
    assert archive.told == []


def test_what_came_earlier_stays_beside_what_comes_later(archive: SmallArchive, tmp_path: Path) -> None:
    install(archive, tmp_path / "store")
    programs = install(archive, tmp_path / "store", "waver")
    assert sorted(path.name for path in programs.iterdir()) == ["greeter", "waver"]
    assert "waver comes privately, since a test wants it: 1 package into" in archive.told[-1]


def test_a_package_that_stands_in_the_way_is_named_and_what_does_not_is_taken(archive: SmallArchive) -> None:
    apt = ask(archive)
    assert apt.refusal(["greeter"]) == "apt-get would remove greet-utils"
    assert apt.refusal(["waver"]) == ""
    held = installed(archive).replace("Status: install ok installed", "Status: hold ok installed", 1)
    (archive.root / "status").write_text(held)
    assert "greet-utils : Breaks: greet-common" in apt.refusal(["greeter"])
    assert "Unable to locate package no-such" in apt.refusal(["no-such"])


@pytest.mark.parametrize("damage", ["changed", "cut"])
def test_a_package_that_is_not_what_the_lists_say_is_refused(
    archive: SmallArchive, tmp_path: Path, damage: str
) -> None:
    deb = archive.deb("libgreet1")
    data = deb.read_bytes()
    deb.write_bytes(data[: len(data) // 2] if damage == "cut" else data[:-40] + bytes(40))
    with pytest.raises(BootwrightError) as raised:
        install(archive, tmp_path / "store")
    assert "is not what the archive's lists say" in raised.value.message
    assert not list((tmp_path / "store" / "programs").glob("*"))
    deb.write_bytes(data)
    assert (install(archive, tmp_path / "store") / "greeter").exists()


def test_no_network_is_one_sentence_that_names_the_package(archive: SmallArchive, tmp_path: Path) -> None:
    programs = archive.programs(tmp_path / "store")
    lists = programs.archive()
    archive.deb("greet-common").unlink()
    with pytest.raises(BootwrightError, match="no archive answers") as raised:
        programs.install(lists, ["greeter"], ["greeter"], "a test wants it")
    assert "greet-common" in raised.value.message
    assert "connect to the network" in raised.value.hint


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    archive: SmallArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_space, "free", lambda place: 1000)
    with pytest.raises(BootwrightError, match=r"the disk of .*store has 0 MB left; \d+ MB are needed"):
        install(archive, tmp_path / "store")
    assert not list((tmp_path / "store").glob("p*/*"))


def test_a_disk_that_fills_up_on_the_way_is_named(archive: SmallArchive, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    inside = f'mount -t tmpfs -o size=160k none {store} && exec "$@"'
    namespace = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "-m", "sh", "-c", inside, "sh"]
    with start(archive, store, namespace) as process:
        out, error = process.communicate()
    assert process.returncode == 1, out
    assert f"{store}" in error
    assert "MB left" in error or "No space left on device" in error
    assert "Traceback" not in error


def test_killed_at_any_moment_it_is_completed_by_the_next(archive: SmallArchive, tmp_path: Path) -> None:
    store = tmp_path / "store"
    begun = time.monotonic()
    with start(archive, tmp_path / "another") as process:
        process.communicate()
    whole = time.monotonic() - begun
    choose = random.Random(11)
    for _ in range(6):
        with start(archive, store) as process:
            time.sleep(choose.uniform(0.2, 0.95) * whole)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        for entry in (store / "programs").glob("*"):
            assert (entry / "bin" / "greeter").exists()
    with start(archive, store) as process:
        out, error = process.communicate()
    assert process.returncode == 0, error
    run = subprocess.run([Path(out.splitlines()[-1]) / "greeter"], capture_output=True, text=True)
    assert run.stdout.startswith("Hello from the library")
    assert not list((store / "new").glob("*"))


def test_two_at_once_fetch_once(archive: SmallArchive, tmp_path: Path) -> None:
    both = [start(archive, tmp_path / "store") for _ in range(2)]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in both]
    assert [status for *_, status in ended] == [0, 0], ended
    assert len({out.splitlines()[-1] for out, _, _ in ended}) == 1
    assert len(list((tmp_path / "store" / "programs").glob("*"))) == 1


def test_pruning_the_store_removes_all_of_it(archive: SmallArchive, tmp_path: Path) -> None:
    install(archive, tmp_path / "store")
    store = Store(tmp_path / "store")
    kinds = {entry.kind for entry in store.entries()}
    assert kinds == {"programs", "package", "apt"}
    assert {damage for _, damage in store.check()} == {""}
    store.prune(everything=True)
    assert store.entries() == []
    assert private_programs.newest(store, archive.system) is None
