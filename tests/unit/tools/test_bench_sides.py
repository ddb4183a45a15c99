"""The two sides of the bench and its stopwatch, with small programs in the place of cargo and scons."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.fake_toolchains import HOST, add_source, write_program, write_rustc
from tools.benchmark import ours, peer, plan, program
from tools.benchmark.figures import Row
from tools.benchmark.ours import Bootwright
from tools.benchmark.peer import CargoBootimage
from tools.benchmark.stopwatch import Taken, take

from bootwright.base.errors import BootwrightError
from bootwright.rust.migrate import Migrated
from bootwright.rust.toolchain import Toolchain

HOME = Path(__file__).resolve().parents[3]
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the bench wants links and a shell")

# A cargo that notes what it sees, and writes an image as bootimage does.
CARGO = """#!/bin/sh
echo "$PWD|$*|$CARGO_HOME|$CARGO_TARGET_DIR|$CARGO_NET_OFFLINE|$RUSTC|$HTTPS_PROXY|$SECRET" >> "{log}"
if [ "$1" = bootimage ]; then
    mkdir -p "$CARGO_TARGET_DIR/x86_64-bench/debug"
    printf image > "$CARGO_TARGET_DIR/x86_64-bench/debug/bootimage-hello.bin"
fi
if [ "$1" = --version ]; then echo "cargo 1.96.0"; fi
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def run(code: str, until: str = "", **settings: object) -> Taken:
    return take(python(code), Path.cwd(), os.environ, until, **settings)  # type: ignore[arg-type]  # as they come


def test_both_outputs_are_kept_and_the_time_is_positive() -> None:
    taken = run("import sys; print('out', flush=True); print('err', file=sys.stderr)")
    assert taken.output == "out\nerr\n" and taken.seconds > 0


def test_the_time_counts_to_the_word_and_the_program_goes_on_to_its_end(tmp_path: Path) -> None:
    write_end = f"open({str(tmp_path / 'end')!r}, 'w').write(str(time.monotonic()))"
    start = time.monotonic()
    taken = run(f"import time; print('Hello', flush=True); time.sleep(2); {write_end}", "Hello")
    assert start + taken.seconds < float((tmp_path / "end").read_text())


def test_a_word_in_two_pieces_is_found() -> None:
    assert run("import sys, time; sys.stdout.write('Hel'); sys.stdout.flush(); time.sleep(0.1); print('lo')", "Hello")


@posix_only
def test_a_program_that_is_to_stop_is_gone_with_its_children(tmp_path: Path) -> None:
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "pids")!r}, "w").write(str(child.pid))
print("Hello", flush=True)
time.sleep(600)
"""
    assert run(code, "Hello", stop=True).output.strip() == "Hello"
    stat = Path(f"/proc/{(tmp_path / 'pids').read_text()}/stat")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except OSError:
            return
        time.sleep(0.02)
    pytest.fail("the child lives")


@pytest.mark.parametrize(
    ("code", "until", "sentence"),
    [
        ("print('no luck'); raise SystemExit(3)", "", "ended with status 3"),
        ("print('Bye')", "Hello", "did not say Hello"),
        ("print('Hello'); raise SystemExit(3)", "Hello", "ended with status 3"),
    ],
)
def test_a_program_that_fails_is_told_with_its_last_lines(code: str, until: str, sentence: str) -> None:
    with pytest.raises(BootwrightError, match=sentence) as failure:
        run(code, until)
    assert "the command was" in failure.value.hint and code.partition("'")[2].partition("'")[0] in failure.value.hint


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(BootwrightError, match=r"was not through after 0\.3 s"):
        run("import time; time.sleep(600)", limit=0.3)


def test_a_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(BootwrightError, match="/no/such cannot be run"):
        take(["/no/such"], Path.cwd(), {})


@pytest.fixture
def cargo(tmp_path: Path) -> Path:
    """The log of a fake cargo beside a fake rustc."""
    write_rustc(tmp_path / "usr")
    add_source(tmp_path / "usr", version="1.96.0")
    program = tmp_path / "usr" / "bin" / "cargo"
    program.write_text(CARGO.format(log=tmp_path / "cargo.log"))
    program.chmod(0o755)
    return tmp_path / "cargo.log"


@pytest.fixture
def cargo_side(tmp_path: Path, cargo: Path, monkeypatch: pytest.MonkeyPatch) -> CargoBootimage:
    sysroot = tmp_path / "usr"
    tools = tmp_path / "llvm"
    monkeypatch.setattr(peer, "find_llvm_tool", lambda toolchain, name, environ: write_program(tools / name, {}))
    monkeypatch.setattr(peer, "migrate_spec", lambda text, toolchain, origin: Migrated(f"{text}\n", (), "x86_64"))
    toolchain = Toolchain(sysroot / "bin" / "rustc", "rustc 1.96.0\n", "1.96.0", HOST, "22.1.8", sysroot, "a test")
    environ = {"PATH": os.environ["PATH"], "HTTPS_PROXY": "http://proxy", "SECRET": "s", "CARGO_HOME": "/mine"}
    return CargoBootimage(HOME, tmp_path / "bench" / "peer", toolchain, environ)


def calls(log: Path) -> list[list[str]]:
    return [line.split("|") for line in log.read_text().splitlines()]


@posix_only
def test_the_peer_is_installed_in_the_benchs_own_folder_with_its_pinned_version(
    cargo_side: CargoBootimage, cargo: Path
) -> None:
    cargo_side.set_up(lambda _: None)
    place = cargo_side.place
    (_, install, *_), (where, build, *_) = calls(cargo)
    assert install == f"install bootimage --version 0.10.5 --locked --root {place}"
    assert (where, build) == (str(place / "kernel"), "bootimage")
    assert 'bootloader = "=0.9.35"' in (place / "kernel" / "Cargo.toml").read_text()
    assert (place / "kernel" / "src" / "main.rs").read_text() == (HOME / "kernel" / "src" / "main.rs").read_text()


@posix_only
def test_no_call_of_cargo_sees_a_persons_cargo_home_or_secrets(cargo_side: CargoBootimage, cargo: Path) -> None:
    cargo_side.set_up(lambda _: None)
    cargo_side.build()
    place = cargo_side.place
    for _, command, home, target, offline, rustc, proxy, secret in calls(cargo):
        assert home == str(place / "cargo")
        assert target == str(place / ("install" if command.startswith("install") else "target"))
        assert (rustc, proxy, secret) == (str(cargo_side.toolchain.rustc), "http://proxy", "")
        assert offline in ("", "true")
    assert calls(cargo)[-1][4] == "true", "what is measured does not ask the network"


@posix_only
def test_a_second_set_up_installs_nothing_and_one_of_another_compiler_all(
    cargo_side: CargoBootimage, cargo: Path
) -> None:
    cargo_side.set_up(lambda _: None)
    cargo_side.set_up(lambda _: None)
    assert [call[1].split()[0] for call in calls(cargo)] == ["install", "bootimage", "bootimage"]
    (cargo_side.place / "ready").write_text("another compiler")
    cargo_side.set_up(lambda _: None)
    assert [call[1].split()[0] for call in calls(cargo)][3:] == ["install", "bootimage"]


@posix_only
def test_the_toolchain_that_bootimage_asks_for_has_the_llvm_tools(cargo_side: CargoBootimage) -> None:
    cargo_side.set_up(lambda _: None)
    sysroot = cargo_side.place / "toolchain"
    own = sysroot / "lib" / "rustlib" / HOST
    assert {path.name for path in (own / "bin").iterdir()} == {"rust-lld", *peer.LLVM_TOOLS}
    assert (own / "lib").is_dir() and (sysroot / "lib/rustlib/src/rust/library/core").is_dir()
    assert f'--sysroot "{sysroot}" "$@"' in (cargo_side.place / "path" / "rustc").read_text()
    assert not (cargo_side.toolchain.sysroot / "lib" / "rustlib" / HOST / "bin").exists()


@posix_only
def test_forgetting_removes_the_target_directory_alone(cargo_side: CargoBootimage) -> None:
    cargo_side.set_up(lambda _: None)
    assert cargo_side.image.exists()
    cargo_side.forget(store=True)
    assert not (cargo_side.place / "target").exists()
    assert (cargo_side.place / "path" / "cargo").exists()


@posix_only
def test_a_small_image_is_padded_and_a_large_one_stays(cargo_side: CargoBootimage) -> None:
    cargo_side.image.parent.mkdir(parents=True)
    cargo_side.image.write_bytes(b"image")
    cargo_side.pad()
    assert cargo_side.image.stat().st_size == 1 << 20
    cargo_side.image.write_bytes(bytes(3 << 20))
    cargo_side.pad()
    assert cargo_side.image.stat().st_size == 3 << 20


@posix_only
def test_a_toolchain_without_cargo_or_sources_is_a_sentence(cargo_side: CargoBootimage, tmp_path: Path) -> None:
    (tmp_path / "usr" / "bin" / "cargo").unlink()
    bare = CargoBootimage(HOME, cargo_side.place, cargo_side.toolchain, {"PATH": str(tmp_path)})
    with pytest.raises(BootwrightError, match="there is no cargo"):
        bare.set_up(lambda _: None)
    (tmp_path / "usr/lib/rustlib/src/rust/library/core/src/lib.rs").unlink()
    with pytest.raises(BootwrightError, match="has no sources of it"):
        bare.set_up(lambda _: None)


@pytest.fixture
def scons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Bootwright, list[tuple[list[str], str, str]]]:
    """Bootwright's side, and what it starts: arguments, the store and the word that is waited for."""
    started: list[tuple[list[str], str, str]] = []

    def fake_take(argv: list[str], cwd: Path, environment: dict[str, str], until: str = "") -> Taken:
        assert cwd == tmp_path / "ours" / "checkout"
        started.append((argv[1:], environment["XDG_CACHE_HOME"], until))
        return Taken(1.0, "scons: `image' is up to date." if len(started) > 1 else "rustc hello.elf")

    monkeypatch.setattr(ours, "take", fake_take)
    side = Bootwright(HOME, tmp_path / "ours")
    side.set_up()
    return side, started


def test_bootwright_builds_a_copy_of_the_checkout_with_a_store_of_its_own(
    scons: tuple[Bootwright, list[tuple[list[str], str, str]]], tmp_path: Path
) -> None:
    side, started = scons
    side.build()
    side.boot("Hello 3!")
    store = str(tmp_path / "ours" / "cache")
    assert started == [
        (["-m", "SCons", "-Q"], store, ""),
        (["-m", "SCons", "-Q", "run", "--headless", "--fast"], store, "Hello 3!"),
    ]
    assert (side.checkout / "SConstruct").read_text() == (HOME / "SConstruct").read_text()
    assert (side.package.directory / "src" / "main.rs").exists() and not (side.checkout / "build").exists()


def test_a_null_build_that_did_something_is_an_error(
    scons: tuple[Bootwright, list[tuple[list[str], str, str]]],
) -> None:
    side, _ = scons
    with pytest.raises(BootwrightError, match=r"a null build did something: rustc hello\.elf"):
        side.build_nothing()
    assert side.build_nothing().seconds == 1.0


def test_tests_run_with_scons_and_those_that_did_not_all_pass_are_an_error(
    scons: tuple[Bootwright, list[tuple[list[str], str, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side, started = scons
    side.make_tests(2)
    with pytest.raises(BootwrightError, match=r"of 2 tests that pass not all did: rustc hello\.elf"):
        side.test(full=False, jobs=1)

    def take_all_pass(argv: list[str], *_: object) -> Taken:
        started.append((argv[1:], "", ""))
        return Taken(2.0, "2 passed in 1s")

    monkeypatch.setattr(ours, "take", take_all_pass)
    assert side.test(full=True, jobs=2).seconds == 2.0
    words = ["-m", "SCons", "-Q", "test", f"KERNEL={tmp_path / 'ours' / 'tested'}"]
    assert [argv for argv, _, _ in started] == [[*words, "-j1"], [*words, "-j2", "--full"]]


@pytest.mark.parametrize(("parts", "peer_is_set_up"), [(["tests", "nodes"], False), (["tests", "null"], True)])
def test_the_peer_is_set_up_for_the_parts_alone_that_compare_with_it(
    parts: list[str], peer_is_set_up: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    class Fake:
        """Stands for both sides, and notes what is asked of it."""

        def __init__(self, *_: object) -> None:
            self.toolchain = Toolchain(tmp_path, "rustc 1.96.0\n", "1.96.0", HOST, "22.1.8", tmp_path, "a test")

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *arguments: asked.append(f"{name}({len(arguments)})")

    def no_rows(*_: object) -> list[Row]:
        return []

    monkeypatch.setattr(program, "find_toolchain", Fake)
    monkeypatch.setattr(program, "Bootwright", Fake)
    monkeypatch.setattr(program, "CargoBootimage", Fake)
    monkeypatch.setattr(program, "find_peer_version", lambda _: "a peer")
    for name in ("find_qemu", "qemu_version"):
        monkeypatch.setattr(program, name, lambda _: (9, 2))
    for name in ("measure_null_builds", "measure_tests", "measure_over_scons", "measure_many_modules"):
        monkeypatch.setattr(plan, name, no_rows)
    program.run_bench(tmp_path, parts, 1, 1)
    assert asked == [*["set_up(1)"] * peer_is_set_up, "set_up(0)", "boot(1)", "make_tests(1)"]
    assert ("- peer: a peer" in (tmp_path / "bench.md").read_text()) is peer_is_set_up


def test_the_store_is_forgotten_when_it_is_said(
    scons: tuple[Bootwright, list[tuple[list[str], str, str]]], tmp_path: Path
) -> None:
    side, _ = scons
    store = tmp_path / "ours" / "cache"
    for directory in (store, side.checkout / "build"):
        directory.mkdir()
    side.forget()
    assert store.exists() and not (side.checkout / "build").exists()
    side.forget(store=True)
    assert not store.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--parts=null,nul"], "--parts=null,nul: there is no part nul"), (["--times=0"], "less than once")],
)
def test_a_mistake_on_the_command_line_is_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(arguments) == 2
    assert sentence in capsys.readouterr().err


@posix_only
def test_ctrl_c_leaves_without_a_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "run_bench", interrupted)
    assert program.main([str(tmp_path)]) == 130
