"""Kernels as their authors keep them, tests/kernels/packages: they build, pass their own tests and are not written to.

Their dependencies come from the crate registry. A seeded few are compared with cargo byte for byte, and broken once, to
see that their tests do run; `--soak` takes all.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout
from tests.build.unmodified import TESTED

PACKAGES = HOME / "tests" / "kernels" / "packages"
SEED, FEW = 1, 2


@dataclass(frozen=True)
class Kernel:
    """One package: its tests' printed names without kernel/NAME/, and an edit (file, old, new) that fails one."""

    directory: str
    name: str
    tests: tuple[str, ...]
    edit: tuple[str, str, str]
    failing: str
    quick: bool = True  # cargo compiles it in seconds
    without_rustup: bool = False  # its rust-toolchain file asks rustup for a nightly

    @property
    def printed(self) -> list[str]:
        """The names of its tests as they are printed, sorted."""
        return sorted(f"kernel/{self.name}/{test}" for test in self.tests)


KERNELS = (
    Kernel(
        "ticker", "ticker",
        ("interrupts::a_breakpoint_is_survived", "interrupts::a_scancode_is_a_letter", "interrupts::the_timer_ticks",
         "vga_buffer::what_is_printed_stands_on_the_screen", "the_main_program_has_tests_too",
         "basic_boot::test_println", "should_panic::should_fail", "stack_overflow::stack_overflow"),
        ("src/interrupts.rs", "before + 1", "before + 2"), "interrupts::a_breakpoint_is_survived",
        quick=False,
    ),
    Kernel(
        "heap", "heap",
        ("memory::tests::a_box_takes_and_gives_back", "memory::tests::allocations_are_counted",
         "allocation::a_large_vector_grows", "allocation::a_long_lived_box_is_left_alone",
         "allocation::a_map_holds_bits", "allocation::memory_is_used_again", "out_of_memory::too_large_a_vector"),
        ("tests/allocation.rs", "999 * 1000 / 2", "999 * 1000"), "allocation::a_large_vector_grows",
    ),
    Kernel(
        "executor", "executor", ("lib", "main", "tasks"),
        ("src/task/keyboard.rs", "Unicode('b')", "Unicode('c')"), "lib", quick=False,
    ),
    Kernel(
        "overflow", "overflow",
        ("tests::an_address_elsewhere_is_of_the_first_stack", "tests::nothing_was_caught_yet",
         "tests::pages_are_counted", "stack::the_overflow_is_caught", "unhandled::a_breakpoint_without_a_gate"),
        ("src/main.rs", "16).count(), 16", "16).count(), 17"), "tests::pages_are_counted",
    ),
    Kernel(
        "net", "net",
        ("a_connection_carries_a_thousand_bytes", "a_datagram_comes_back", "the_environment_reached_the_stack"),
        (".cargo/config.toml", 'COUNT = "3"', 'COUNT = "4"'), "the_environment_reached_the_stack", quick=False,
    ),
    Kernel(
        "tables", "tables",
        ("the_header_is_read", "damaged::a_flipped_bit_is_found", "damaged::the_rsdp_is_36_bytes"),
        ("tests/damaged.rs", "), 36)", "), 37)"), "damaged::the_rsdp_is_36_bytes",
    ),
    Kernel(
        "workspace", "ws-kernel",
        ("the_version_is_the_workspaces", "rights_are_bits", "states_have_names",
         "sharing::a_lock_is_taken_and_given_back", "sharing::all_rights_are_two"),
        ("kernel/tests/sharing.rs", "count(), 2", "count(), 3"), "sharing::all_rights_are_two", quick=False,
    ),
    Kernel(
        "mixed", "mixed",
        ("start::c_sums_up", "start::the_table_was_written", "script::its_environment_is_here",
         "script::its_library_is_linked"),
        ("native/checksum.c", "% 255", "% 256"), "start::c_sums_up",
    ),
    Kernel(
        "patched", "patched", ("bits_are_read", "bits_are_written", "the_crate_in_between_has_the_fork"),
        ("fork/src/lib.rs", "| value << start", "| value"), "bits_are_written",
    ),
    Kernel(
        "layout", "layout",
        ("all_parts_are_in_the_upper_half", "the_banner_is_the_environments", "the_font_was_read",
         "addresses::the_script_linked_this"),
        ("script/addresses.ld", "88000000", "89000000"), "addresses::the_script_linked_this",
    ),
    Kernel(
        "options", "options",
        ("debug_assertions_are_on", "there_is_one_processor", "exit_code::success_is_85"),
        ("src/qemu.rs", "0x2a", "0x10"), "exit_code::success_is_85", without_rustup=True,
    ),
)  # fmt: skip


@pytest.fixture
def tested(checkout: Checkout) -> Checkout:
    """A checkout that can run a kernel's tests."""
    shutil.copy2(HOME / "conftest.py", checkout.path)
    return checkout


def copy_of(kernel: Kernel | str, place: Path) -> Path:
    """Returns a copy of the package of a kernel, or of the one in that directory, in which nothing of a build lies."""
    directory = kernel if isinstance(kernel, str) else kernel.directory
    path = place / directory
    shutil.copytree(PACKAGES / directory, path, ignore=shutil.ignore_patterns("target"))
    return path


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def lines(output: str, word: str) -> list[str]:
    """Returns the names in the lines of tests that ended so."""
    return sorted(line.split()[-1] for line in output.splitlines() if line.startswith(f"{word} ") and " s  " in line)


def few(config: pytest.Config) -> list[str]:
    """Returns the names of the kernels for which more is tried than their own tests."""
    names = [kernel.name for kernel in KERNELS]
    return names if config.getoption("--soak") else random.Random(SEED).sample(names, FEW)


def words_of(kernel: Kernel) -> list[str]:
    """Returns the words for a kernel: where rustup would be asked for a nightly, they name a rustc that is not its."""
    places = os.environ["PATH"].split(os.pathsep)
    kept = [place for place in places if not shutil.which("rustup", path=place)]
    return [f"RUSTC={shutil.which('rustc', path=os.pathsep.join(kept))}"] if kernel.without_rustup else []


@pytest.mark.needs("rustc", "ld.lld", "llvm-objcopy", "qemu-system-x86_64")
@pytest.mark.parametrize("kernel", KERNELS, ids=[kernel.directory for kernel in KERNELS])
def test_an_authors_kernel_passes_its_own_tests_as_it_is(
    tested: Checkout, tmp_path: Path, kernel: Kernel, request: pytest.FixtureRequest
) -> None:
    package = copy_of(kernel, tmp_path)
    before, words = files(package), [f"KERNEL={package}", *words_of(kernel)]
    built = tested.scons("test", *words)
    assert (built.status, lines(built.output, "passed")) == (0, kernel.printed), built.output
    others = built.output.count("hal: #[test] functions are not run: they are of other packages; where they need std ")
    assert others == (1 if kernel.directory == "workspace" else 0)
    assert files(package) == before
    assert tested.build(*words) == []
    if kernel.name in few(request.config):
        built = tested.scons("test", "--full", *words)
        assert (built.status, lines(built.output, "passed")) == (0, kernel.printed), built.output
        name, old, new = kernel.edit
        tested.edit(os.fspath(package / name), old, new)
        built = tested.scons("test", *words)
        assert built.status == 1, built.output
        assert f"kernel/{kernel.name}/{kernel.failing}" in lines(built.output, "FAILED")


@pytest.mark.needs("rustc", "ld.lld", "llvm-objcopy", "qemu-system-x86_64")
def test_tests_that_do_not_run_are_told_and_those_behind_a_program_chosen(tested: Checkout, tmp_path: Path) -> None:
    heap = next(kernel for kernel in KERNELS if kernel.name == "heap")
    package = copy_of(heap, tmp_path)
    with (package / "src/main.rs").open("a") as source:
        source.write("\n#[cfg(test)]\n#[test_case]\nfn of_a_program_without_tests() {}\n")
    words = [f"KERNEL={package}"]
    told = "src/main.rs: #[test_case] functions are not run: [[bin]] heap has test = false in Cargo.toml"
    # The names of a program's tests are known when it ran; a pattern for one chooses it all the same.
    built = tested.scons("test", *words, "TESTS=kernel/heap/allocation::a_map*")
    assert built.status == 0 and told in built.output, built.output
    assert lines(built.output, "passed") == ["kernel/heap/allocation::a_map_holds_bits"]
    built = tested.scons("test", *words, "TESTS=*::allocations_are_counted")
    assert lines(built.output, "passed") == ["kernel/heap/memory::tests::allocations_are_counted"]
    built = tested.scons("test", *words, "TESTS=kernel/heap/allocation::a_mop*")
    assert built.status == 1 and lines(built.output, "passed") == [], built.output
    assert "no test's name matches TESTS=kernel/heap/allocation::a_mop*; near it are kernel/heap/" in built.output
    # All parts together are all tests, a program's in one of them; each machine ran three times.
    parts = [lines(tested.scons("test", *words, f"SHARD={k}/2", "--stress=3").output, "passed") for k in (1, 2)]
    assert all(parts)
    assert sorted([*parts[0], *parts[1]]) == sorted(f"kernel/heap/{name}" for name in heap.tests)
    # Each of several programs has its tests, two of one file too.
    (package / "src/second.rs").write_text(TESTED.replace("no_mangle", "unsafe(no_mangle)"))
    with (package / "Cargo.toml").open("a") as manifest:
        for other in ("second", "third"):
            manifest.write(f'\n[[bin]]\nname = "{other}"\npath = "src/second.rs"\n')
    built = tested.scons("test", *words, "TESTS=kernel/heap/second kernel/heap/third")
    assert lines(built.output, "passed") == ["kernel/heap/second", "kernel/heap/third"], built.output
    name, old, new = heap.edit
    tested.edit(os.fspath(package / name), old, new)
    built = tested.scons("test", *words, "--retries=1", "TESTS=kernel/heap/allocation::a_map*")
    assert built.status == 1, built.output
    assert "3 more tests of this program were not reached: " in built.output
    assert "a_map_holds_bits (tests/allocation.rs)" in built.output


@pytest.mark.needs("rustc", "ld.lld", "llvm-objcopy", "qemu-system-x86_64")
def test_a_compiler_of_ones_own_choice_goes_before_what_a_toolchain_file_asks_of_rustup(
    tested: Checkout, tmp_path: Path
) -> None:
    options = next(kernel for kernel in KERNELS if kernel.without_rustup)
    package = copy_of(options, tmp_path)
    built = tested.scons("run", "--headless", "--fast", f"KERNEL={package}", *words_of(options))
    assert "built Built(SMP | DEBUG), version rc.1" in built.output  # as build-command of bootimage has it
    assert "processors [0, 1]" in built.output


def programs(tested: Checkout, kernel: Kernel, *words: str) -> dict[str, bytes]:
    """Builds a kernel and its tests, which pass; returns all programs by their paths below build/debug."""
    built = tested.scons("test", *words_of(kernel), *words)
    assert built.status == 0, built.output
    place = tested.path / "build/debug"
    made = [path for path in place.rglob("*.elf") if "history" not in path.parts]
    return {str(path.relative_to(place)): path.read_bytes() for path in made}


def compiled_by_cargo(tested: Checkout) -> set[str]:
    """Runs cargo as --cargo did, but for the cleaning; returns what it compiled anew, as ours are called."""
    plans = [json.loads(path.read_text()) for path in (tested.path / "build/plan").glob("*/plan.json")]
    facts = next(plan["plan"] for plan in plans if not plan["question"]["tests"])
    (room,) = (tested.path / "build/debug/obj").glob("*/*/cargo")
    place = str(room / "target")
    own = {"RUSTC_WRAPPER": str(room / "wrapper"), "CARGO_TARGET_DIR": place, "CARGO_BUILD_BUILD_DIR": place}
    directory = next(plan["question"]["directory"] for plan in plans)
    done = subprocess.run(
        facts["command"], cwd=directory, env={**os.environ, **facts["variables"], **own}, stdout=subprocess.PIPE,
        text=True, check=True,
    )  # fmt: skip
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    made = [m for m in messages if m["reason"] == "compiler-artifact" and not m["fresh"]]
    return {_name(message["target"]["kind"][0], message["target"]) for message in made}


def _name(kind: str, target: dict[str, str]) -> str:
    name = f"lib{target['name']}"
    return {"bin": "program", "custom-build": Path(target["src_path"]).name}.get(kind, name).replace("-", "_")


def compiled_by_us(steps: list[str]) -> set[str]:
    """Returns what these steps of a build compiled."""
    names = [step.split()[1] for step in steps if step.startswith(("rustc ", "store "))]
    return {"program" if name.endswith(".elf") else name.replace("-", "_").removesuffix(".rlib") for name in names}


def using_macros(tested: Checkout) -> set[str]:
    """Returns the libraries that procedural macros may write: these read [env] unseen, and cargo passes over that."""
    (plan,) = [
        path for path in (tested.path / "build/plan").glob("*/plan.json") if '"tests": false' in path.read_text()
    ]
    units = {unit["name"]: unit for unit in json.loads(plan.read_text())["plan"]["units"]}

    def uses(name: str) -> bool:
        return units[name]["kind"] == "proc-macro" or any(map(uses, units[name]["needs"]))

    names = [unit["argv"][unit["argv"].index("--crate-name") + 1] for unit in units.values() if uses(unit["name"])
             and "--crate-name" in unit["argv"]]  # fmt: skip
    return {f"lib{name}" for name in names}


def edit_and_put_back(tested: Checkout, kernel: Kernel, package: Path, first: bytes) -> None:
    """Has an edit compile no more than cargo does, and its undoing, under the old time, make the first bytes again."""
    words = [f"KERNEL={package}", *words_of(kernel)]
    name, old, new = kernel.edit
    path = package / name
    text, times = path.read_bytes(), path.stat()
    tested.build(*words)  # where --cargo was the last that made the program
    (elf,) = (tested.path / "build/debug").glob("*.elf")
    tested.edit(os.fspath(path), old, new)
    ours = compiled_by_us(tested.build(*words))
    if path.suffix != ".ld":  # for which cargo makes nothing anew, and is wrong
        cargos = compiled_by_cargo(tested) | (using_macros(tested) if path.name == "config.toml" else set())
        assert {name.partition(".")[0] for name in ours} <= {name.partition(".")[0] for name in cargos}
    path.write_bytes(text)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    tested.build(*words)
    assert elf.read_bytes() == first


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Has `--soak` compare every kernel with cargo, and else the same one of those that cargo compiles in seconds."""
    if "compared" in metafunc.fixturenames:
        # cargo cannot build one of them without the change that is told.
        able = [kernel for kernel in KERNELS if kernel.directory != "overflow"]
        quick = [kernel for kernel in able if kernel.quick]
        chosen = able if metafunc.config.getoption("--soak") else random.Random(SEED).sample(quick, 1)
        metafunc.parametrize("compared", chosen, ids=[kernel.directory for kernel in chosen])


@pytest.mark.needs("rustc", "ld.lld", "llvm-objcopy", "qemu-system-x86_64")
def test_the_programs_are_cargos_byte_for_byte(tested: Checkout, tmp_path: Path, compared: Kernel) -> None:
    package = copy_of(compared, tmp_path)
    before = files(package)
    planned = programs(tested, compared, f"KERNEL={package}")
    by_cargo = programs(tested, compared, f"KERNEL={package}", "--cargo")
    assert len(planned) > 1
    assert [name for name in {*planned, *by_cargo} if planned.get(name) != by_cargo.get(name)] == []
    assert files(package) == before
    edit_and_put_back(tested, compared, package, planned[f"{compared.name}.elf"])
