"""The Tool for `scons test`: pytest over this checkout and over the kernel's own tests, which run in machines.

Method: env.SelfTest(alias, kernels). Builder: KernelTests (kernel-tests.json, which pytest collects from).
Uses: TESTS, and what the machine is made of (QEMU QEMUFLAGS MEMORY TIMEOUT). A kernel of another directory is tested
alone: the rooms of tests/ are about bootwright itself. The programs start in the fast lane, for which no image is made;
--full boots their images. A board of another architecture runs their ELF files.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import GetOption

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError, Status
from bootwright.base.home import INSTALLED, SITE
from bootwright.base.regular import check_named
from bootwright.cargo.metadata import own_command
from bootwright.graph.actions import action, modules, record
from bootwright.graph.commandline import asked_machine, is_fast, said_anywhere
from bootwright.graph.nodes import KernelNodes
from bootwright.graph.sentences import tell_once
from bootwright.machine import boards

HOW_TO_WRITE = (
    "a file tests/NAME.rs, a program with a _start of its own, is one: it passes by writing 0x10 to port 0xf4, and "
    "fails by 0x11 (a board has a status of its own); kernel/README.md has more"
)
LISTED = [
    "TESTPROGRAMS", "TESTLOADER", "TESTBOARD", "TESTSETTINGS", "QEMU", "QEMUFLAGS", "MEMORY", "MEMORYGIVEN", "TIMEOUT",
    "BOARD", "BOARD_WAIT",
]  # fmt: skip

# Who defines a field of the list, with all that these import: a list of yesterday's fields must not be read.
MODULES = (
    "base/atomic", "base/records", "base/sizes", "cargo/build_command", "cargo/metadata", "cargo/toml",
    "elf/test_names", "faults/subject",
    "image/guid", "image/layout",
    "machine/boards", "machine/config", "machine/emulators", "machine/options",
    "machine/verdict", "run/config", "run/settings",
    "rust/library", "testing/judge", "testing/listed",
    "base/procs", "cargo/listed", "testing/chosen", "testing/written", "rust/unit_reads",
)  # fmt: skip
OF_POOL = ("POOL_CA", "POOL_CERT")  # files


def list_programs(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Writes which programs of tests there are, their tests' names, and the machine that they run in."""
    from dataclasses import replace

    from bootwright.elf.test_names import read_test_names
    from bootwright.run.settings import configure
    from bootwright.rust.unit_reads import read_files
    from bootwright.testing.judge import TestProgram
    from bootwright.testing.listed import write_programs
    from bootwright.testing.written import find_test_functions

    sources = Path(env["KERNELDIR"])
    loader = Path(env["TESTLOADER"]) if env["TESTLOADER"] else None
    asked = replace(asked_machine(env), headless=True)
    config = configure(env["TESTBOOTIMAGE"], asked, sources, in_test=True, fast=loader is not None)
    config = replace(config, loader=loader, board=env["TESTBOARD"])
    listed = []
    for package, name, crate, elf, image, reads in env["TESTPROGRAMS"]:
        names = tuple(read_test_names(Path(elf)))
        written = () if names else tuple(find_test_functions(read_files(Path(reads)) if reads else (), sources))
        listed.append(TestProgram(package, name, Path(elf), Path(image), sources, names, crate, written))
    with atomic.new_directory(Path(target[0].abspath)) as scratch:
        write_programs(scratch / target[0].name, listed, config)
        (scratch / target[0].name).replace(target[0].abspath)


def add_tests(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that runs every test there is."""
    if kernels and kernels[0].host:
        return  # such a program is no machine's; who asks for its tests is told before
    again, pool = _again(env), _pool(env)
    junit = atomic.check_place(Path(GetOption("junit")), "--junit") if GetOption("junit") else None
    example = Path(env["KERNELDIR"]) == Path(env["HOME"]) / "kernel"
    if env["TESTS"] != "*":
        from bootwright.testing.chosen import chooses_nothing

        suites = [f"kernel/{kernel.package}/{program.suite}" for kernel in kernels for program in kernel.tests]
        nothing = chooses_nothing(env["TESTS"], suites, Path(env["HOME"], "tests") if example else None)
        if nothing and suites:  # before anything is built for them
            raise _no_tests(junit, nothing)
        from bootwright.testing.chosen import may_choose

        for kernel in kernels:
            named = [(f"kernel/{kernel.package}/{program.suite}", program) for program in kernel.tests]
            kernel.tests = [program for suite, program in named if may_choose(suite, env["TESTS"], suites)]
    lists = []
    for kernel in kernels:
        fast = is_fast(not own_command(kernel.bootimage), kernel.board)
        programs = kernel.tests if kernel.board else []
        rows = [
            (
                kernel.package,
                p.suite,
                p.crate,
                p.elf.abspath,
                p.starts_from(fast)[0].abspath,
                p.reads if p.harness else "",
            )
            for p in programs
        ]
        path = f"{env['BUILD']}/{kernel.variant}/kernel-tests.json"
        made = [node for program in programs for node in (program.elf, *program.starts_from(fast))]
        made += [env.File(program.reads) for program in programs if program.harness]
        made += [node for program in programs if env["BOARD"] and program.image for node in env.ServedFiles(program)]
        loader = kernel.pvh.abspath if fast and kernel.pvh else ""
        lists += env.KernelTests(
            path,
            made,
            TESTPROGRAMS=rows,
            TESTLOADER=loader,
            TESTBOARD=kernel.board.name if kernel.board else boards.PC.name,
            TESTBOOTIMAGE=kernel.bootimage,
            TESTSETTINGS=str(kernel.bootimage).replace("$", "$$"),
            MEMORYGIVEN="MEMORY" in said_anywhere(),
        )
    env.Depends(lists, modules(env, *MODULES))

    def start() -> int:
        from bootwright.base.interrupts import wait_for_child
        from bootwright.setup import needs, startup
        from bootwright.testing.forks import IS_SERVED

        home = Path(env["HOME"])
        own = example and not needs.are_of_kernels(env["TESTS"].split())
        for kernel in kernels:
            _tell_what_is_not_run(kernel, env["KERNELDIR"], env["TESTS"] == "*")
        if not example and not any(kernel.tests for kernel in kernels):
            raise _no_tests(junit, f"{kernels[0].name} has no tests", HOW_TO_WRITE)
        for variable in OF_POOL if pool else ():
            if env[variable]:
                check_named(Path(env["LAUNCH"], env[variable]), variable)
        command = [sys.executable, startup.__file__, "pytest", "-c", str(home / "pyproject.toml"), f"--rootdir={home}"]
        command += ["-p", "bootwright.testing.plugin", f"--tests={env['TESTS']}"]
        command += [f"--junitxml={junit}"] if junit else []
        command += again
        listing = _how_to_list()
        command += [f"--list-tests={listing}"] if listing else []
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, dict.fromkeys((SITE, home))))}
        if INSTALLED:  # pytest would compile files anew beside those that pip has compiled, and removes
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        # Names and lines are conftest.py's, which pytest finds by itself above what it collects from, or nowhere.
        command += [] if Path(env["BUILD"]).is_relative_to(home) else ["-p", "conftest"]
        jobs = int(GetOption("num_jobs"))
        if listing:
            pass  # this process alone has all the names
        elif env["BOARD"]:  # there is one of it, and it is no machine for tests of bootwright itself
            command += ["-p", "no:unraisableexception", "--capture=no"]
            environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        elif env["POOL"] and not own:
            command += ["-p", "no:unraisableexception", "--capture=no", *pool]
            environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        elif own or not IS_SERVED:
            # Our own often wait for a machine's clock: with two processes for a core, others run then.
            command += ["-n", str(2 * jobs if own else jobs), "--dist=loadgroup", *pool]
        else:
            # A kernel's tests need machines, not processes; no plugin that is installed; and neither the collection of
            # garbage nor the capturing of output, which pytest has for Python's tests.
            command += [f"--machines={jobs}", "-p", "no:unraisableexception", "--capture=no"]
            environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        command += [str(home / "tests")] if own and not env["BOARD"] else []
        command += [node.abspath for node in lists]
        life: list[int] = []
        if env["BOARD"] and os.name == "posix":
            from bootwright.run.place import LIFE

            life = [os.pipe()[0]]  # it ends with us, and the board's power with it
            environment[LIFE] = str(life[0])
        return wait_for_child(lambda: subprocess.Popen(command, cwd=home, env=environment, pass_fds=life))

    finals = [node for kernel in kernels for node in kernel.final]
    record(env, name, [*finals, *lists], start)


def _no_tests(junit: Path | None, sentence: str, hint: str = "") -> BootwrightError:
    """Returns the error that there is no test to run, which a report that was asked for says as well."""
    if junit:
        from bootwright.testing.junit import write_empty

        write_empty(junit, sentence)
    return BootwrightError(sentence, hint, Status.TESTS_FAILED)


def _again(env: Environment) -> list[str]:
    """Returns pytest's options for a part of the tests, and for tests that are run again."""
    if not (env["SHARD"] or GetOption("retries") or GetOption("stress")):
        return []
    from bootwright.testing.chosen import MOST_TIMES, is_number_of_times, read_shard

    words = []
    if env["SHARD"]:
        read_shard(env["SHARD"])
        words.append(f"--shard={env['SHARD']}")
    for name in ("retries", "stress"):
        number = GetOption(name)
        if number is not None:
            if not is_number_of_times(number):
                raise BootwrightError(f"--{name}={number} is no number of times from 1 to {MOST_TIMES}")
            words.append(f"--{name}={int(number)}")
    return ["-p", "bootwright.testing.again", *words]


def _pool(env: Environment) -> list[str]:
    """Returns pytest's options for a pool of test machines."""
    if not env["POOL"]:
        return []
    if not re.fullmatch(r"tls://[\w.-]+:\d{1,5}", env["POOL"]):
        hint = "as in POOL=tls://scheduler:8786: without TLS anybody could run programs on its machines"
        raise BootwrightError(f"POOL={env['POOL']} is no scheduler tls://HOST:PORT", hint)
    files = {f"--{name.lower().replace('_', '-')}": env[name] for name in OF_POOL if env[name]}
    return [f"--pool={env['POOL']}", *(f"{option}={Path(env['LAUNCH'], name)}" for option, name in files.items())]


def _how_to_list() -> str:
    """Returns how --list asks for the tests' names: lines, json, or "" for none."""
    if not GetOption("list"):
        return ""
    return "json" if GetOption("json") else "lines"


def _tell_what_is_not_run(kernel: KernelNodes, directory: str, all_are_made: bool) -> None:
    """Tells of test functions that no program of tests was made of: the package's, and others' of the same sources.

    Where TESTS= chose programs, those that no choice would have run.
    """
    from bootwright.rust.unit_reads import read_files
    from bootwright.testing.written import WITHOUT_HARNESS, Target, not_run, others_not_run, sources_of

    root, planned = Path(kernel.root), kernel.planned
    tested = {name for program in kernel.tests if program.harness for name in read_files(Path(program.reads))}
    if not all_are_made:
        tested |= {str(path) for path in sources_of(root)} - {target.source for target in kernel.targets if target.why}
    loose = [p for p in kernel.tests if not p.harness and p.suite != "src"]
    files = [name for program in loose for name in read_files(Path(program.reads))]
    targets = [*kernel.targets, *(Target("", "", name, WITHOUT_HARNESS) for name in files)]
    packages = [directory]
    if planned:
        packages += [str(Path(manifest).parent) for manifest in planned.package.manifests]
        packages += [unit.root for unit in planned.plan.units if unit.local]
    for line in (*not_run(root, tested, targets), *others_not_run(packages, root, Path(directory))):
        tell_once(line)


def generate(env: Environment) -> None:
    """Adds the Builder and the method."""
    env.SetDefault(KERNELTESTSCOM="list the programs of tests in $TARGET", KERNELTESTSSHORT="tests    $TARGET")
    env["BUILDERS"]["KernelTests"] = Builder(action=action(list_programs, "KERNELTESTSCOM", LISTED))
    env.AddMethod(add_tests, "SelfTest")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
