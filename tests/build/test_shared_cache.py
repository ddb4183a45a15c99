"""CACHE=: what one machine built, another takes, wherever it lies; what a cache does wrong changes no byte."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Built, Checkout, copy_checkout
from tests.cache_server import CERTIFICATE, USER, CacheServer
from tests.nginx import Nginx, open_nginx

from bootwright.rust.search import find_toolchain

pytestmark = [pytest.mark.xdist_group("shared cache"), pytest.mark.needs("nginx")]
# Says what the compiler is asked to compile, beside itself, and that a build script asks it something; and obeys.
COMPILER = """#!/bin/sh
case "${OUT_DIR:+script }$*" in
script*-vV*|script*--version*|script*--print*) echo "--crate-name asked" >> "${0%/*}/compiled" ;;
*--crate-name\\ ___*|*--print*|*-vV*) ;;
*--crate-name*) echo "$*" >> "${0%/*}/compiled" ;;
esac
exec {rustc} "$@"
"""


class Machine:
    """A checkout, with a home, a store and a compiler of its own, that uses the cache at a server."""

    def __init__(self, place: Path, server: CacheServer | Nginx, store: str = "") -> None:
        self.checkout = copy_checkout(place / "a checkout")
        self._compiler = place / "bin" / "rustc"
        self._compiler.parent.mkdir()
        rustc = find_toolchain(HOME / "kernel", "x86_64-unknown-none", None, os.environ).rustc
        self._compiler.write_text(COMPILER.replace("{rustc}", str(rustc)))
        self._compiler.chmod(0o755)
        self._server = server
        self._environment = {
            "XDG_CACHE_HOME": store or str(place / "store"),
            "CARGO_HOME": str(place / "cargo"),
            "PATH": f"{self._compiler.parent}{os.pathsep}{os.environ['PATH']}",
        }
        self._credentials = place / "credentials"
        self._credentials.write_text(f"{USER}\n")
        self._credentials.chmod(stat.S_IRUSR)

    def scons(self, *words: str, writes: bool = False, **environment: str) -> Built:
        """Runs scons with the cache."""
        cache = [f"CACHE={self._server.url}", f"CACHE_CA={CERTIFICATE}", f"RUSTC={self._compiler}"]
        if writes:
            cache += ["CACHE_WRITE=1", f"CACHE_CREDENTIALS={self._credentials}"]
        return self.checkout.scons(*cache, *words, environment={**self._environment, **environment})

    def compiled(self) -> list[str]:
        """Returns the crates that its compiler compiled since this was called last, without the loader's.

        "asked" stands for a question of a build script.
        """
        path = self._compiler.with_name("compiled")
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line.partition("--crate-name")[2].strip(" =").partition(" ")[0] for line in lines]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with open_nginx(tmp_path_factory.mktemp("nginx")) as made:
        yield made


@pytest.fixture(scope="module")
def first(server: Nginx, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine that built the example and put it into the cache; core was in its store."""
    machine = Machine(
        tmp_path_factory.mktemp("first"), server, os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    )
    built = machine.scons(writes=True)
    assert built.status == 0, built.output
    # The loader is made where the store has none of this compiler's.
    assert re.search(r"^bootwright: cache: 0 from it, [23] made here; [\d.]+ MB sent$", built.output, re.MULTILINE)
    return machine


@pytest.fixture(scope="module")
def second(first: Machine, server: Nginx, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with nothing, which built the same.

    Its Python has no docstrings and passes over asserts, so that its bytecode is another, as another minor one's is.
    """
    machine = Machine(tmp_path_factory.mktemp("elsewhere"), server)
    built = machine.scons(PYTHONOPTIMIZE="2")
    assert built.status == 0, built.output
    assert machine.compiled() == [], built.output
    assert [step.split()[0] for step in built.steps] == ["core", "loader", "cache", "cache", "kernel", "image"]
    assert "bootwright: cache: 4 from it, 0 made here; " in built.output
    return machine


def outputs(machine: Machine, name: str = "hello") -> dict[str, bytes]:
    """Returns what a build of a package made, but for what says where it was made."""
    root = machine.checkout.path / "build" / "debug"
    names = [f"{name}{end}" for end in (".elf", ".map", ".kernel", ".img")]
    names += [str(path.relative_to(root)) for path in root.rglob("*.rlib")]
    return {name: (root / name).read_bytes() for name in names}


def test_a_second_machine_compiles_nothing_and_has_the_same_bytes(first: Machine, second: Machine) -> None:
    assert outputs(second) == outputs(first)
    assert len(outputs(second)) == 5
    verified = second.checkout.scons("verify")
    assert (verified.status, "are what was built" in verified.output) == (0, True), verified.output
    assert second.scons().steps == []


def other_pythons() -> list[str]:
    """Returns an interpreter of each other minor Python that bootwright supports and this machine has."""
    found = {}
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    for minor in set(range(11, 20)) - {sys.version_info.minor}:
        for path in (shutil.which(f"python3.{minor}"), *kept.glob(f"3.{minor}.*/bin/python3")):
            if path and subprocess.run([path, "-c", "import venv"], capture_output=True).returncode == 0:
                found[minor] = str(path)
    return list(found.values())


def test_no_key_holds_anything_of_the_python_that_made_it(
    first: Machine, server: Nginx, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """--soak has other minor Pythons build; they fetch their packages."""
    sources = first.checkout.path / "site_scons" / "bootwright"
    known = {hashlib.sha256(path.read_bytes()).hexdigest() for path in sources.rglob("*.py")}
    made_of = [json.loads(blob) for blob in server.held.values() if blob[:1] == b"{"]
    assert made_of
    for facts in made_of:
        assert facts["bootwright"] and set(facts["bootwright"].values()) <= known
        text = json.dumps(facts)
        words = (sys.executable, sys.prefix, sys.base_prefix, str(sys.implementation.cache_tag), ".pyc", sys.version)
        assert [word for word in words if word in text] == []
    if not pytestconfig.getoption("--soak"):
        return
    others = other_pythons()
    assert others, "no other minor Python is on PATH or pyenv's"
    for python in others:
        place = tmp_path / Path(python).resolve().name
        place.mkdir()
        subprocess.run([python, "-m", "venv", place / "venv"], check=True)
        new = str(place / "venv/bin/python")
        subprocess.run([new, "-m", "pip", "install", "--quiet", "-r", str(HOME / "requirements.txt")], check=True)
        machine = Machine(place, server)
        machine.checkout = dataclasses.replace(machine.checkout, interpreter=new)
        built = machine.scons()
        assert "bootwright: cache: 4 from it, 0 made here; " in built.output, built.output
        assert outputs(machine) == outputs(first)


def test_a_kernel_with_dependencies_is_taken_whole_and_its_edit_compiles_one_crate(
    server: Nginx, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """--soak takes the one of 45 units, CI one of a third as many; rustversion's build script asks the compiler."""
    name, limit = ("executor", 30) if pytestconfig.getoption("--soak") else ("heap", 21)
    machines = []
    for who, store in (("first", os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")), ("second", "")):
        (tmp_path / who).mkdir()
        machine = Machine(tmp_path / who, server, store)
        shutil.copytree(HOME / "tests/kernels/packages" / name, machine.checkout.path / name)
        own = 'fn main() { println!("cargo:rerun-if-changed=build.rs"); }\n'
        (machine.checkout.path / name / "build.rs").write_text(own)
        built = machine.scons(f"KERNEL={machine.checkout.path / name}", writes=who == "first")
        assert built.status == 0, built.output
        machines.append(machine)
    assert machine.compiled() == [], built.output
    taken = re.findall(r"^cache +rustversion/build\.rs$", built.output, re.MULTILINE)
    assert len(taken) == 2, "the program and its run"
    assert re.search(rf"^script +{name}/build\.rs$", built.output, re.MULTILINE), "the person's own runs"
    summed = re.search(r"^bootwright: cache: \d+ from it, 0 made here; ([\d.]+) MB received$", built.output, re.M)
    assert summed and float(summed[1]) <= limit, built.output
    print(f"{name}: {summed[0]}")
    assert outputs(machine, name) == outputs(machines[0], name)
    assert machine.checkout.scons("verify").status == 0
    machine.checkout.edit(f"{name}/src/main.rs", "fn ", "fn  ", 1)
    edited = machine.scons(f"KERNEL={machine.checkout.path / name}")
    assert edited.status == 0, edited.output
    assert machine.compiled() == [name], edited.output


def test_an_edit_compiles_what_it_must_and_its_undo_is_in_the_cache(second: Machine) -> None:
    second.checkout.edit("kernel/src/main.rs", "Hello World!", "Hello again!")
    edited = second.scons("--explain")
    assert edited.status == 0, edited.output
    assert [step.split()[0] for step in edited.steps] == ["rustc", "kernel", "image"], edited.output
    assert second.compiled() == ["hello"]
    assert (
        "bootwright: not in the cache: build/debug/hello.elf build/debug/hello.map: what it reads differs"
        in edited.output
    )
    second.checkout.edit("kernel/src/main.rs", "Hello again!", "Hello World!")
    undone = second.scons()
    assert [step.split()[0] for step in undone.steps] == ["cache", "kernel", "image"], undone.output


def test_a_warning_of_what_is_taken_is_told_as_when_it_was_compiled(first: Machine, second: Machine) -> None:
    for machine in (first, second):
        machine.checkout.edit("kernel/src/main.rs", "Hello World!", "Hello there!")
        main = machine.checkout.path / "kernel/src/main.rs"
        main.write_text(main.read_text() + "\nfn nobody_calls_it() {}\n")
        built = machine.scons(writes=machine is first)
        assert built.status == 0, built.output
        assert "function `nobody_calls_it` is never used" in built.output
    assert second.compiled() == []


@pytest.mark.parametrize("fault", ["a poisoned blob", "a server that is killed"])
def test_a_cache_that_lies_or_goes_away_changes_no_byte(
    fault: str, first: Machine, server: Nginx, tmp_path: Path
) -> None:
    with CacheServer(tls=True, fault=fault) as liar:
        liar.held = server.held
        machine = Machine(tmp_path, liar, os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"))
        for name in ("lib.rs", "main.rs"):
            shutil.copy(first.checkout.path / "kernel/src" / name, machine.checkout.path / "kernel/src" / name)
        built = machine.scons()
        assert built.status == 0, built.output
        told = [line for line in built.output.splitlines() if line.startswith("bootwright: the cache at")]
        assert 1 <= len(told) <= 2, built.output
        assert "Traceback" not in built.output
        assert outputs(machine) == outputs(first)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["CACHE_WRITE=1"], "CACHE_WRITE=1 is about a shared cache, and CACHE= names none"),
        (["--explain"], "--explain is about a shared cache, and CACHE= names none"),
        (["CACHE=ftp://a/b"], "CACHE=ftp://a/b is no address of a server"),
    ],
    ids=["write", "explain", "address"],
)
def test_a_word_about_a_cache_that_cannot_be_obeyed_is_refused(
    checkout: Checkout, words: list[str], sentence: str
) -> None:
    assert sentence in checkout.refuse(*words)
