"""Runs of build scripts that are shared: what is of the compiler and the package alone, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootwright.cargo.units import Unit
from bootwright.rust.more import Room
from bootwright.rust.script import Ran, run_script
from bootwright.rust.shared_runs import run_key, take_run
from bootwright.storage.places import DirectoryPlace
from bootwright.storage.shared_cache import Cache
from bootwright.storage.store import Store

SOURCE = 'fn main() { std::env::var("PROBE_LEVEL"); "a-b".replace("-", "_"); helper::ask(); }\nmod helper;\n'
HELPER = 'pub fn ask() { let _ = std::process::Command::new(std::env::var_os("RUSTC").unwrap()); }\n'
# What it says and makes, after a line in a file that counts its runs.
SCRIPT = '#!/bin/sh\necho run >> "{counted}"\ncd "$OUT_DIR"\n{body}\n'


class Machine:
    """A registry with one package, and a place to build in; its script is a shell's, of the lines in body."""

    def __init__(self, place: Path, cache: Path, body: str, source: str = SOURCE, helper: str = HELPER) -> None:
        self.root = place / "cargo/registry/src/index/probe-1.0.0"
        self.out = place / "build"
        self.counted = place / "counted"
        archive = place / "cargo/registry/cache/index/probe-1.0.0.crate"
        archive.parent.mkdir(parents=True)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as made:
            for name, text in (("build.rs", source), ("helper.rs", helper), ("inner/a", "")):
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                info = tarfile.TarInfo(f"probe-1.0.0/{name}")
                info.size = len(text)
                made.addfile(info, io.BytesIO(text.encode()))
        archive.write_bytes(gzip.compress(packed.getvalue(), mtime=0))  # the same whenever it is made
        program = self.out / "program"
        program.parent.mkdir()
        program.write_text(SCRIPT.format(counted=self.counted, body=body))
        program.chmod(0o755)
        self.checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
        self.store = Store(place / "store", Cache(DirectoryPlace(cache, is_made=True), True, lambda line: None))
        self.room = Room(self.out, places=(("cargo", place / "cargo"), ("rustc", place / "bin/rustc")))

    @property
    def runs(self) -> int:
        return len(self.counted.read_text().splitlines()) if self.counted.exists() else 0

    def unit(self, **changes: object) -> Unit:
        own = {"RUSTC": f"{self.out.parent}/bin/rustc", "TARGET": "x86_64-unknown-none", "NUM_JOBS": "2"}
        environment = {**own, "OUT_DIR": "@out@/probe/out", "CARGO_MANIFEST_DIR": str(self.root)}
        facts: dict[str, object] = {
            "name": "probe/out", "kind": "run", "cwd": str(self.root), "argv": ("@out@/program",),
            "environment": environment, "package": "probe", "version": "1.0.0", "root": str(self.root),
            "checksum": self.checksum,
        }  # fmt: skip
        return Unit(**{**facts, **changes})  # type: ignore[arg-type]

    def key(self, person: Mapping[str, str], digest: str = "00", identity: str = "rustc", **changes: object) -> str:
        made_of = {self.out / "program": digest}
        return run_key(self.unit(**changes), self.room, made_of, identity, person, [self.root / "build.rs"])

    def take(self, **person: str) -> Ran:
        unit = self.unit()
        ran = take_run(
            unit, self.room, self.key(person), person, self.store,
            lambda: run_script(unit, self.room, {"PATH": "/usr/bin:/bin", **person}, lambda line: None),
        )  # fmt: skip
        cache = self.store._cache
        assert cache is not None
        cache.finish()
        return ran


def two(tmp_path: Path, body: str) -> tuple[Machine, Machine]:
    machines = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        machines.append(Machine(tmp_path / name, tmp_path / "cache", body))
    return machines[0], machines[1]


SAID = """echo cargo:rerun-if-changed=build.rs
echo cargo:rerun-if-env-changed=DECLARED
echo cargo:rustc-cfg=level="$DECLARED"
echo 'cargo:rustc-check-cfg=cfg(level)'
echo cargo:rustc-env=PROBED=1
mkdir deep
echo "$TARGET" > deep/version
chmod +x deep/version"""


def test_a_second_machine_takes_what_the_first_ones_script_said_and_made(tmp_path: Path) -> None:
    first, second = two(tmp_path, SAID)
    ran = first.take()
    taken = second.take()
    assert (first.runs, second.runs) == (1, 0)
    assert taken == ran
    assert taken.directives.cfgs == ["level="]
    made = second.out / "probe/out/deep/version"
    assert made.read_text() == "x86_64-unknown-none\n"
    assert made.stat().st_mode & 0o100
    (second.out / "probe/out/left over").write_text("")
    assert second.take() == ran
    assert [path.name for path in (second.out / "probe/out").iterdir()] == ["deep"]
    assert second.runs == 0


def test_a_declared_variable_with_another_value_has_it_run_again_and_each_value_is_kept(tmp_path: Path) -> None:
    first, second = two(tmp_path, SAID)
    first.take()
    assert second.take(DECLARED="3").directives.cfgs == ["level=3"]
    assert second.runs == 1
    assert first.take(DECLARED="3").directives.cfgs == ["level=3"]
    assert second.take().directives.cfgs == ["level="]
    assert (first.runs, second.runs) == (1, 1)


OWN = {
    "a library": "echo cargo:rustc-link-lib=c",
    "a directory to search": "echo cargo:rustc-link-search=native=here",
    "flags": "echo cargo:rustc-flags=-lc",
    "a word for the linker": "echo cargo:rustc-link-arg=-Tmemory.x",
    "metadata": "echo cargo:include=deep",
    "metadata of today": "echo cargo::metadata=include=deep",
    "a warning": "echo cargo:warning=the moon is full",
    "a path of the machine": "echo cargo:rustc-env=HERE=$OUT_DIR",
    "another path": "echo cargo:rustc-env=HERE=/usr/lib/x",
    "a path of Windows": "echo cargo:rustc-env=HERE=C:/tools",
    "a path in a file": "echo $CARGO_MANIFEST_DIR > where",
    "the home in a file": "echo ~root > where",
    "a file outside of the package": "echo cargo:rerun-if-changed=../other",
    "a link": "ln -s version current",
    "an empty directory": "mkdir nothing",
}


@pytest.mark.parametrize("case", OWN)
def test_a_script_that_says_or_makes_something_else_runs_on_each_machine(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/root")
    first, second = two(tmp_path, f"echo cargo:rustc-cfg=a\n{OWN[case]}")
    assert first.take().said.replace(str(first.out), str(second.out)) == second.take().said
    first.take()
    assert (first.runs, second.runs) == (2, 1)
    assert not (tmp_path / "cache/ac").exists()
    assert list((tmp_path / "first/store/script").glob("*")) == []


def test_a_package_that_was_edited_is_not_given_away(tmp_path: Path) -> None:
    first, second = two(tmp_path, SAID)
    (first.root / "inner/a").write_text("edited")
    first.take()
    second.take()
    assert (first.runs, second.runs) == (1, 1)


@pytest.mark.parametrize(
    "text",
    ['Command::new("git")', "SystemTime::now()", "env::vars()", 'read("/proc/cpuinfo")', 'open("../x")', '"NUM_JOBS"',
     "mod nowhere;", '#[path = "not/there.rs"] mod x;'],
)  # fmt: skip
@pytest.mark.parametrize("where", ["source", "helper"])
def test_a_script_whose_sources_look_elsewhere_has_no_key(tmp_path: Path, text: str, where: str) -> None:
    texts = {"source": SOURCE, "helper": HELPER}
    texts[where] += f"\n{text}\n"
    assert Machine(tmp_path, tmp_path / "cache", "", **texts).key({}) == ""


def test_the_key_is_all_that_the_script_gets_and_no_path(tmp_path: Path) -> None:
    first, second = two(tmp_path, "")
    plain = first.key({})
    assert plain
    assert second.key({}) == plain
    environment = dict(first.unit().environment)
    assert first.key({}, environment={**environment, "NUM_JOBS": "64", "CARGO": "/x/cargo"}) == plain
    assert first.key({"USER": "me", "RUSTC_WRAPPER": "x", "_": "/bin/sh"}) == plain, (
        "what its sources do not name, or not get"
    )
    others = [
        first.key({}, digest="01"),
        first.key({}, identity="another rustc"),
        first.key({}, checksum="1" * 64),
        first.key({}, environment={**environment, "TARGET": "riscv32i-unknown-none-elf"}),
        first.key({"PROBE_LEVEL": "1"}),
        first.key({"PROBE_LEVEL": "2"}),
    ]
    assert len({plain, *others}) == 7
