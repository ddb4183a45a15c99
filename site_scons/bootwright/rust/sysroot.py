"""core, compiler_builtins and alloc from rust-src, for targets that the toolchain has no core for.

The three are compiled as Cargo's build-std does it, but for every kernel, variant and profile alike: optimised,
panic = abort, with the memory functions (memcpy ...) that a program without an operating system lacks. They hold
bitcode, so that a kernel may use LTO. core's front end is the critical path: the other two start when it has written
its metadata, and run beside its code generation.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootwright.base import storage_space
from bootwright.base.errors import BootwrightError
from bootwright.base.procs import allowed_environment, pasteable, run
from bootwright.rust import library as rust_library
from bootwright.rust.command import target_words
from bootwright.rust.recipe import BOOTSTRAP, builtins_cfgs, builtins_units, existing_library, rustc_words
from bootwright.rust.toolchain import Toolchain
from bootwright.storage.store import DESCRIPTION

DIAGNOSTICS = ("--error-format=json", "--json=artifacts")
LINES_OF_ERRORS = 30


@dataclass(frozen=True)
class Crate:
    """One crate of the library: its directory, which holds src/lib.rs and Cargo.toml."""

    name: str
    directory: Path

    @property
    def edition(self) -> str:
        """The edition that its manifest names; 2015 is Cargo's default."""
        manifest = tomllib.loads((self.directory / "Cargo.toml").read_text(encoding="utf-8"))
        return str(manifest["package"].get("edition", "2015"))


def build_sysroot(
    toolchain: Toolchain,
    target_name: str,
    spec_path: Path | None,
    library: Path | None,
    out: Path,
    emit: Callable[[str], None] = lambda _: None,
) -> None:
    """Compiles the three crates for target_name into out (exists, empty): out/lib/rustlib/NAME/lib/*.rlib.

    spec_path is the migrated specification, NAME.json, for a target that is not built in. The bytes depend on no path.
    Raises BootwrightError with rustc's words and the command to paste.
    """
    library = existing_library(toolchain, library)
    build = _Build(toolchain, target_name, str(spec_path or target_name), library, out)
    what = f"core, compiler_builtins and alloc of {target_name}"
    emit(f"{what} are compiled, once for all kernels (20 s on two idle cores)")
    began = time.monotonic()
    build.run()
    for leftover in build.directory.iterdir():
        if leftover.suffix != ".rlib":
            leftover.unlink()
    words = f"core of {target_name}, rustc {toolchain.release}"
    (out / DESCRIPTION).write_text(f"{words}\n", encoding="utf-8")
    emit(f"{words}: compiled in {time.monotonic() - began:.0f} s")


def manifest_text(made: Path) -> str:
    """Returns a line `SHA-256  name` for each rlib of the sysroot in made, sorted by name."""
    lines = []
    for path in sorted(made.glob("lib/rustlib/*/lib/*.rlib")):
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        lines.append(f"{digest}  {path.relative_to(made).as_posix()}\n")
    return "".join(lines)


class _Build:
    """One compilation of the three crates."""

    def __init__(self, toolchain: Toolchain, name: str, target: str, library: Path, out: Path) -> None:
        self.toolchain = toolchain
        self.target = target
        self.name = name
        self.library = library
        self.out = out
        self.directory = rust_library.library_directory(out, name)
        self.environment = allowed_environment(_process_environment(), BOOTSTRAP)
        self.running: list[_Rustc] = []

    def run(self) -> None:
        self.directory.mkdir(parents=True)
        cfg = run([str(self.toolchain.rustc), *target_words(self.target), "--print=cfg"], cwd=self.out, extra=BOOTSTRAP)
        found = rust_library.find_compiler_builtins(self.library)
        if found is None:
            raise BootwrightError(f"{self.library} has no compiler_builtins")
        flags = [word for one in builtins_cfgs(cfg, self.name) for word in ("--cfg", one)]
        flags.append(builtins_units(cfg))
        crates = {"core": (self.library / "core", []), "compiler_builtins": (found, flags)}
        crates["alloc"] = (self.library / "alloc", [])
        made: list[str] = []
        try:
            for name, (directory, more) in crates.items():
                rustc = self._start(Crate(name, directory), [*more, *(self._extern(crate) for crate in made)])
                rustc.wait_for_metadata()
                made.append(name)
            for rustc in self.running:
                rustc.finish()
        finally:
            for rustc in self.running:
                rustc.stop()

    def _extern(self, crate: str) -> str:
        return f"--extern={crate}={self.directory / f'lib{crate}-bootwright.rmeta'}"

    def _start(self, crate: Crate, more: Sequence[str]) -> _Rustc:
        home, release = f"/rustc/{self.toolchain.commit}/library", self.toolchain.release
        places = {self.library: home, self.library.resolve(): home, crate.directory: f"{home}/{crate.name}"}
        words = rustc_words(crate.name, self.target, release, crate.edition, crate.directory, self.out, places)
        argv = [str(self.toolchain.rustc), *words, f"--out-dir={self.directory}", *more, *DIAGNOSTICS]
        rustc = _Rustc(crate.name, argv, self.out, self.environment, f"{self.name} with rustc {release}")
        self.running.append(rustc)
        return rustc


class _Rustc:
    """One running rustc, whose messages on stderr are JSON lines."""

    def __init__(self, crate: str, argv: list[str], cwd: Path, environment: Mapping[str, str], purpose: str) -> None:
        self.crate = crate
        self.argv = argv
        self.purpose = purpose
        self.place = cwd
        self.said: list[str] = []
        try:
            self.process = subprocess.Popen(
                argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise BootwrightError(f"{argv[0]} cannot be run: {error.strerror}") from error

    def wait_for_metadata(self) -> None:
        """Waits until others can be compiled against this crate."""
        if not self._read_until("metadata"):
            self.finish()

    def finish(self) -> None:
        """Waits for the end; raises if rustc failed."""
        self._read_until("")
        status = self.process.wait()
        if status != 0:
            if storage_space.is_full("".join(self.said), self.place):
                message = storage_space.full(self.place, f"{self.crate} of {self.purpose} cannot be written")
                raise BootwrightError(message, "free some, then run scons")
            said = "".join(self.said).strip().splitlines()[:LINES_OF_ERRORS]
            ending = f"status {status}" if status > 0 else f"signal {-status}"
            raise BootwrightError(
                f"{self.crate} of {self.purpose} does not compile: rustc ended with {ending}",
                "\n    ".join([f"the command was: RUSTC_BOOTSTRAP=1 {pasteable(self.argv)}", *said]),
            )

    def stop(self) -> None:
        """Ends rustc if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        assert self.process.stderr is not None
        self.process.stderr.close()
        self.process.wait()

    def _read_until(self, artifact: str) -> bool:
        """Reads messages until rustc tells that it wrote that artifact; returns whether it did before it ended."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            message = json.loads(line) if line.startswith("{") else {"rendered": line}
            self.said.append(message.get("rendered") or "")
            if artifact and message.get("emit") == artifact:
                return True
        return False


def _process_environment() -> Mapping[str, str]:
    import os

    return os.environ
