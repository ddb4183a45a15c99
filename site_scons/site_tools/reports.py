"""The Tool for what tells: `scons doctor`, `keys`, `store`, `size`, `ide`, `verify` and `soak`; and `scons -c`.

Methods: env.Doctor, Keys, ListStore, Sizes, Ide, Verify, Soak, each (alias, kernels); env.CleanBuild().
Uses: KERNELDIR, TARGETWORD, RUSTC, PRUNE, BUILD.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from SCons.Environment import Base as Environment
from SCons.Script import GetOption

from bootwright.base.errors import BootwrightError, LackOfProgram, Lacks, Status
from bootwright.graph.actions import check, record
from bootwright.graph.commandline import places_of_words
from bootwright.graph.nodes import KernelNodes
from bootwright.graph.sentences import tell
from bootwright.graph.session import session
from bootwright.storage.builddir import MARK, SIGNATURES


def add_doctor(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that tells what was found and what is missing."""

    def start() -> int:
        from bootwright.setup import doctor

        kernel, target, rustc = Path(env["KERNELDIR"]), env["TARGETWORD"], env["RUSTC"] or None
        return doctor.report(kernel, target, rustc, os.environ, GetOption("json"), places_of_words())

    record(env, name, [], start)


def add_store(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that lists the store and, with PRUNE=, removes from it."""

    def start() -> int:
        from bootwright.storage.store import Store
        from bootwright.storage.store_report import check, report

        if GetOption("check"):
            return Status.BUILD_ERROR if check(Store(), sys.stdout) else Status.DONE
        report(Store(), env["PRUNE"], sys.stdout, bool(GetOption("verbose")))
        return 0

    record(env, name, [], start)


def add_keys(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that makes the person's keys for Secure Boot."""

    def start() -> int:
        from bootwright.storage.keys import ROLES, keys_directory, make_keys

        directory = keys_directory(os.environ)
        openssl = shutil.which("openssl", path=env["ENV"]["PATH"])
        if openssl is None:
            raise Lacks("openssl is not on PATH", LackOfProgram("openssl"))
        made = make_keys(directory, openssl, os.environ)
        tell(f"{directory} has {', '.join(ROLES)}: {'made now' if made else 'they were there, and stay'}")
        return 0

    record(env, name, [], start)


def add_sizes(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that tells what each kernel is made of."""

    def start() -> int:
        from bootwright.base.folding import fit
        from bootwright.elf.sizes import report

        for kernel in kernels:
            if kernel.host and kernel.host.format != "ELF":
                raise BootwrightError(f"{kernel.elf} is {kernel.host.format}; `scons size` reads ELF")
            sizes = report(Path(kernel.elf.abspath), Path(kernel.objects, "history", "previous.elf"))
            sys.stdout.write(fit(sizes, sys.stdout))
        return 0

    record(env, name, [kernel.elf for kernel in kernels], start)


def add_ide(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that writes the files of an editor, with the Tool for these."""
    env.Tool("ide")
    env.EditorFiles(name, kernels)


def add_verify(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that compares every output with the manifest of what was built."""

    def compare() -> None:
        from bootwright.storage import outputs
        from bootwright.storage.store import Store

        build, store = Path(env["BUILD"]), Store()
        manifests = [path for path in build.glob("sysroot/*/manifest") if store.has("sysroot", path.parent.name)]
        tell(outputs.verify(build, {path: store.path("sysroot", path.parent.name) for path in manifests}))

    check(env, name, compare)


def add_soak(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that runs the soak, in copies of this checkout."""

    def start() -> int:
        from bootwright.setup.of_tests import SOAKED

        home = Path(env["HOME"])
        if not (home / "tools" / "soak").exists():
            raise BootwrightError("soak tries bootwright itself, in a checkout", "an installed one has not its tests")
        command = [sys.executable, "-m", "pytest", "-c", str(home / "pyproject.toml"), f"--rootdir={home}", "--soak"]
        command += ["-n", str(GetOption("num_jobs")), "--dist=loadgroup", f"--tests={' '.join(SOAKED)}"]
        builds = subprocess.run([sys.executable, str(home / "tools" / "soak")], check=False).returncode
        return builds or subprocess.run([*command, str(home / "tests")], cwd=home, check=False).returncode

    record(env, name, [], start)


def clean_build(env: Environment) -> None:
    """Makes `scons -c` remove the whole build directory, whichever kernel and variant filled it."""
    build = Path(env["BUILD"])
    kept = {"lock", "journal", SIGNATURES, MARK}  # this process still writes them; they go when it ends
    left = sorted(path for path in build.iterdir() if path.name not in kept)
    env.Default(env.Alias("clean"))
    for path in left:
        env.Clean("clean", env.Entry(str(path)))
    session().remove_at_end = not GetOption("no_exec")
    if not left:
        tell(f"{build} holds nothing to remove")


def generate(env: Environment) -> None:
    """Adds the methods."""
    env.AddMethod(add_doctor, "Doctor")
    env.AddMethod(add_store, "ListStore")
    env.AddMethod(add_keys, "Keys")
    env.AddMethod(add_sizes, "Sizes")
    env.AddMethod(add_ide, "Ide")
    env.AddMethod(add_verify, "Verify")
    env.AddMethod(add_soak, "Soak")
    env.AddMethod(clean_build, "CleanBuild")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
