"""CACHE=: what one machine built, another takes, wherever it lies; what a cache does wrong changes no byte."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Built, Checkout, copy_checkout
from tests.cache_server import CERTIFICATE, USER, CacheServer
from tests.nginx import Nginx, open_nginx

from bootwright.rust.search import find_toolchain

pytestmark = [pytest.mark.xdist_group("shared cache"), pytest.mark.needs("nginx")]
# Says what the compiler is asked to compile, beside itself, and compiles it.
COMPILER = """#!/bin/sh
case "$*" in *--crate-name\\ ___*|*--print*|*-vV*) ;; *--crate-name*) echo "$*" >> "${0%/*}/compiled" ;; esac
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

    def scons(self, *words: str, writes: bool = False) -> Built:
        """Runs scons with the cache."""
        cache = [f"CACHE={self._server.url}", f"CACHE_CA={CERTIFICATE}", f"RUSTC={self._compiler}"]
        if writes:
            cache += ["CACHE_WRITE=1", f"CACHE_CREDENTIALS={self._credentials}"]
        return self.checkout.scons(*cache, *words, environment=self._environment)

    def compiled(self) -> list[str]:
        """Returns the crates that its compiler compiled since it was asked last, without the loader's."""
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
    """A machine with nothing, which built the same."""
    machine = Machine(tmp_path_factory.mktemp("elsewhere"), server)
    built = machine.scons()
    assert built.status == 0, built.output
    assert machine.compiled() == [], built.output
    assert [step.split()[0] for step in built.steps] == ["core", "loader", "cache", "cache", "kernel", "image"]
    assert "bootwright: cache: 4 from it, 0 made here; " in built.output
    return machine


def outputs(machine: Machine) -> dict[str, bytes]:
    """Returns what a build made, but for what says where it was made."""
    root = machine.checkout.path / "build" / "debug"
    names = [f"hello{end}" for end in (".elf", ".map", ".kernel", ".img")]
    names += [str(path.relative_to(root)) for path in root.rglob("*.rlib")]
    return {name: (root / name).read_bytes() for name in names}


def test_a_second_machine_compiles_nothing_and_has_the_same_bytes(first: Machine, second: Machine) -> None:
    assert outputs(second) == outputs(first)
    assert len(outputs(second)) == 5
    verified = second.checkout.scons("verify")
    assert (verified.status, "are what was built" in verified.output) == (0, True), verified.output
    assert second.scons().steps == []


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
