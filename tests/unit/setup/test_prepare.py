"""What sconsw installs, what it leaves to the person, and the sentences for both; nothing is installed here."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.fake_toolchains import add_source

from bootwright.base.errors import BootwrightError
from bootwright.hosts import table
from bootwright.rust import rustup
from bootwright.rust.toolchain import Toolchain
from bootwright.setup import apt, lookup, needs, private_programs, stamp
from bootwright.setup import packagers as host_system
from bootwright.setup import prepare as environment
from bootwright.setup import venv as dotvenv
from bootwright.setup.lookup import Search
from bootwright.setup.programs import System

HOME = Path(__file__).parents[3]
NO_RUSTC = BootwrightError("no rustc was found", "rustup default stable")


class Bench:
    """A machine whose missing programs, system and rights are set; what would be installed is collected."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.missing: dict[str, BootwrightError] = {}
        self.system = System.APT
        self.root: list[str] | None = ["sudo"]
        self.installed: list[str] = []
        self.told: list[str] = []
        self.final: BootwrightError | None = None
        self.toolchain: Toolchain | None = None
        self.stale = False
        self.question: tuple[object, ...] = ()
        self.conflicts: dict[str, str] = {}  # package: why apt-get does not take it
        self.fails: BootwrightError | None = None  # apt-get, with what it takes
        self.private: list[tuple[str, str]] = []  # package, why it came so
        self.pip: Path | None = None
        self.added: list[str] = []
        self.packages: dict[str, str] = {}
        self.calls = 0  # of install for private programs
        (home / "requirements.txt").write_text("scons==4.11.1\n")
        (home / "sconsw").write_text("")
        monkeypatch.setattr(lookup, "find_programs", self._find)
        monkeypatch.setattr(host_system, "this_system", lambda environ: self.system)
        monkeypatch.setattr(rustup, "find_rustup", lambda environ: None)
        monkeypatch.setattr(apt, "as_root", lambda environ: self.root)
        monkeypatch.setattr(apt, "lists_are_stale", lambda archive: self.stale)
        monkeypatch.setattr(
            apt, "packages_for", lambda archive, names, llvm: [self.packages.get(n, f"package-{n}") for n in names]
        )
        monkeypatch.setattr(apt.Archive, "refusal", lambda archive, packages: self._refusal(packages))
        monkeypatch.setattr(private_programs, "PrivatePrograms", lambda *ignored: self)
        monkeypatch.setattr(private_programs, "newest", lambda store, system: None)
        monkeypatch.setattr(environment, "Store", lambda: None)
        monkeypatch.setattr(apt.Apt, "install", lambda installer, packages: self._install(packages))
        monkeypatch.setattr(apt.Apt, "update", lambda installer, reason: self.told.append(reason))
        monkeypatch.setattr(environment, "tell", self.told.append)
        monkeypatch.setattr(dotvenv, "make", self._make)
        monkeypatch.setattr(dotvenv, "add", self._add)
        monkeypatch.setattr(dotvenv, "can_be_made", lambda environ: True)
        python = Path(stamp.venv_python(str(home)))
        python.parent.mkdir(parents=True)
        python.touch()

    def _make(self, home: Path, environ: object, pip: Path | None) -> None:
        self.pip = pip

    def _add(self, home: Path, names: Sequence[str], environ: object, pip: Path | None) -> None:
        self.added += names

    def _refusal(self, packages: Sequence[str]) -> str:
        return next((self.conflicts[package] for package in packages if package in self.conflicts), "")

    def archive(self) -> apt.Archive:
        """Stands for PrivatePrograms.archive, as install and fetch do for its other methods."""
        return apt.Archive({})

    def install(self, archive: object, packages: Sequence[str], names: object, why: str) -> Path:
        self.calls += 1
        self.private += [(package, why) for package in packages]
        for package in packages:
            self.missing.pop(package.removeprefix("package-"), None)
        return Path("/private/bin")

    def fetch(self, archive: object, package: str) -> Path:
        wheel = self.home / package / "usr/share/python-wheels/pip-23.whl"
        wheel.parent.mkdir(parents=True)
        wheel.touch()
        return self.home / package

    def _find(self, names: Sequence[str], *question: object) -> Search:
        self.question = question
        found = {name: Path("/bin", name) for name in names if name not in self.missing}
        return Search(found, dict(self.missing), self.toolchain, self.final)

    def _install(self, packages: Sequence[str]) -> None:
        if self.fails:
            raise self.fails
        self.installed += packages
        for package in packages:
            self.missing.pop(package.removeprefix("package-"), None)

    def run(self, *arguments: str) -> int:
        return environment.prepare(needs.Wanted(str(self.home), arguments, {"PATH": "/bin"}))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def lacks(bench: Bench, *names: str) -> None:
    bench.missing = {name: BootwrightError(f"{name} was not found on PATH") for name in names}


def test_a_machine_that_has_all_installs_nothing_and_remembers_it(bench: Bench) -> None:
    assert bench.run("run") == 0
    assert bench.installed == []
    assert "program qemu-system-x86_64 /bin/qemu-system-x86_64" in (bench.home / ".venv/bootwright.stamp").read_text()


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ((), "x86_64-unknown-none"),
        (("TARGET=thumbv7em-none-eabihf", "run"), "thumbv7em-none-eabihf"),
        (("TARGET=../mine.json",), "{home}/mine.json"),
        (("HOST=windows", "ARCH=aarch64"), "aarch64-pc-windows-msvc"),
        (("HOST=windows", "ARCH=x86_64", "TARGET=x86_64-pc-windows-msvc"), "x86_64-pc-windows-msvc"),
        (("HOST=native",), "{native}"),
        (("hosts",), "x86_64-unknown-linux-gnu"),
    ],
    ids=" ".join,
)
def test_the_compiler_is_asked_for_the_target_that_the_arguments_mean(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], target: str
) -> None:
    shutil.copytree(HOME / "linker", bench.home / "linker")
    (bench.home / "mine.json").write_text("{}")
    monkeypatch.chdir(bench.home / "linker")
    rows = table.read_rows(HOME / table.FILE)
    native = table.find_wanted(rows, "native", "", "", table.this_builder())[0].triple
    assert bench.run("RUSTC=/opt/rustc", *words) == 0
    kernel, _, rustc, asked = bench.question
    assert (kernel, rustc) == (bench.home / "kernel", "/opt/rustc")
    assert asked == target.format(home=bench.home, native=native)


def test_the_stamp_says_which_targets_the_compiler_serves(bench: Bench) -> None:
    rustc = bench.home / "toolchain" / "bin" / "rustc"
    host = "x86_64-unknown-linux-gnu"
    bench.toolchain = Toolchain(rustc, "", "1.96.0", host, "22.1.8", bench.home / "toolchain", "PATH")
    stamp_file = bench.home / ".venv/bootwright.stamp"
    assert bench.run("TARGET=thumbv7em-none-eabihf") == bench.run() == 0
    served = [line for line in stamp_file.read_text().splitlines() if "core:" in line]
    assert served == ["program core:thumbv7em-none-eabihf /bin/rustc", "program core: /bin/rustc"]
    add_source(bench.home / "toolchain")
    assert bench.run("TARGET=riscv64gc-unknown-none-elf") == 0
    assert "program core:* /bin/rustc" in stamp_file.read_text().splitlines()


def test_a_target_that_no_build_has_is_told_before_anything_is_installed(bench: Bench) -> None:
    shutil.copytree(HOME / "linker", bench.home / "linker")
    lacks(bench, "rustc")
    for words, sentence in ((("TARGET=no.json",), "there is no file"), (("HOST=beos",), "HOST=beos is ")):
        assert bench.run(*words) == 2
        assert sentence in bench.told.pop()
    assert bench.installed == []


def test_the_programs_of_another_verb_are_not_forgotten(bench: Bench) -> None:
    bench.run("test")
    bench.run("run")
    assert "program sgdisk /bin/sgdisk" in (bench.home / ".venv/bootwright.stamp").read_text()


def test_packages_that_a_word_needs_are_added_and_no_more(bench: Bench) -> None:
    assert bench.run("run") == 0
    assert bench.added == []
    assert bench.run("run", "BOARD=pc1") == 0
    assert bench.added == ["rack"]


def test_what_is_missing_is_installed_and_no_more(bench: Bench) -> None:
    lacks(bench, "qemu-system-x86_64")
    assert bench.run("run") == 0
    assert bench.installed == ["package-qemu-system-x86_64"]


def test_stale_lists_are_renewed_first(bench: Bench) -> None:
    bench.stale = True
    lacks(bench, "sgdisk")
    assert bench.run("test") == 0
    assert bench.told == ["its lists of packages are missing or old"]


def test_without_the_right_to_install_all_comes_privately(bench: Bench) -> None:
    bench.root = None
    lacks(bench, "rustc", "qemu-system-x86_64")
    assert bench.run("run") == 0
    why = "sconsw is not root here"
    assert bench.private == [("package-rustc", why), ("package-qemu-system-x86_64", why)]
    assert bench.installed == []
    assert stamp.read(stamp.stamp_path(str(bench.home))).splitlines()[3] == "private /private/bin"


def test_what_apt_takes_is_installed_and_only_what_it_does_not_take_comes_privately(bench: Bench) -> None:
    emulators = ("qemu-system-x86_64", "qemu-system-arm")
    lacks(bench, "rustc", "gdb", *emulators)
    why = "apt-get would remove qemu-utils"
    bench.conflicts = {f"package-{name}": why for name in emulators}
    assert bench.run("test") == 0
    assert bench.installed == ["package-rustc", "package-gdb"]
    assert bench.private == [(f"package-{name}", why) for name in emulators]
    assert bench.calls == 1  # for one reason one line, and one merged tree


def test_an_installation_that_fails_is_made_good_privately(bench: Bench) -> None:
    lacks(bench, "rustc")
    bench.fails = apt.Refused("apt-get failed with status 100 on package-rustc\n  | dpkg: error")
    assert bench.run() == 0
    assert bench.told == [bench.fails.message]
    assert bench.private == [("package-rustc", "apt-get failed")]


@pytest.mark.parametrize("passing", ["no archive answers", "the disk is full"])
def test_a_failure_that_a_private_installation_would_share_ends_it(bench: Bench, passing: str) -> None:
    lacks(bench, "rustc")
    bench.fails = BootwrightError(passing)
    assert (bench.run(), bench.told, bench.private) == (2, [passing], [])


def test_private_asks_for_it_by_hand_and_system_forbids_it(bench: Bench) -> None:
    lacks(bench, "rustc")
    assert bench.run("--private") == 0
    assert (bench.installed, bench.private) == ([], [("package-rustc", "--private asks for it")])
    lacks(bench, "rustc")
    bench.conflicts = {"package-rustc": "apt-get would remove gcc"}
    assert bench.run("--system", "TARGET=thumbv7em-none-eabihf") == 2
    assert bench.told[-1].startswith("package-rustc: apt-get would remove gcc, and --system forbids")
    bench.missing.clear()
    assert bench.run("--system", "--private", "doctor") == 2
    assert bench.told[-1] == "--private and --system exclude each other"


def test_what_came_privately_for_another_checkout_is_taken_and_nothing_is_fetched(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.root = None
    lacks(bench, "rustc", "qemu-system-x86_64")
    monkeypatch.setattr(private_programs, "newest", lambda store, system: Path("/private/bin"))

    def find(names: Sequence[str], kernel: Path, environ: dict[str, str], *rest: object) -> Search:
        on_path = "/private/bin" in environ["PATH"].split(":")
        missing = {} if on_path else dict(bench.missing)
        return Search({name: Path("/private/bin", name) for name in names if name not in missing}, missing)

    monkeypatch.setattr(lookup, "find_programs", find)
    assert bench.run("run") == 0
    assert (bench.private, bench.installed, bench.told) == ([], [], [])
    assert stamp.private_programs(str(bench.home)) == ""  # which is no directory here
    assert "private /private/bin" in stamp.read(stamp.stamp_path(str(bench.home)))


def test_a_program_with_roots_rights_cannot_come_privately_and_is_named(bench: Bench) -> None:
    bench.root = None
    lacks(bench, "fusermount3", "sgdisk")
    packages = {"fusermount3": "fuse3", "sgdisk": "gdisk"}
    bench.packages = packages
    assert bench.run("test") == 0
    assert [package for package, _ in bench.private] == ["gdisk"]
    assert bench.told == [
        "fusermount3 cannot come privately: it runs with root's rights, which only an installation gives"
    ]


def test_with_system_and_without_the_right_to_install_the_command_is_printed(bench: Bench) -> None:
    bench.root = None
    lacks(bench, "rustc", "qemu-system-x86_64")
    assert bench.run("run", "--system") == 2
    (sentence,) = bench.told
    assert sentence.startswith("rustc and qemu-system-x86_64 are missing, and sconsw is not root here\n")
    assert "sudo apt-get install --no-install-recommends package-rustc package-qemu-system-x86_64" in sentence
    assert not (bench.home / ".venv/bootwright.stamp").exists()


@pytest.mark.parametrize("system", [system for system in System if system is not System.APT], ids=lambda s: s.value)
def test_on_other_systems_the_command_is_printed(bench: Bench, system: System) -> None:
    bench.system = system
    lacks(bench, "qemu-system-x86_64")
    assert bench.run("run") == 2
    (sentence,) = bench.told
    assert sentence.startswith("qemu-system-x86_64 is missing\n")
    assert host_system.command(["qemu-system-x86_64"], system) in sentence


def test_a_linter_that_is_missing_stops_no_test(bench: Bench) -> None:
    bench.system = System.DNF
    lacks(bench, "sgdisk")
    assert bench.run("test") == 0
    (sentence,) = bench.told
    assert sentence.startswith("sgdisk is missing, so some tests will not run")
    assert sentence.endswith("sudo dnf install gdisk")


def test_a_compiler_that_a_person_chose_is_never_replaced(bench: Bench) -> None:
    lacks(bench, "rustc", "ld.lld")
    bench.final = NO_RUSTC
    assert bench.run() == 2
    assert bench.told == [str(NO_RUSTC)]
    assert bench.installed == []


def test_an_existing_rustup_is_never_touched(bench: Bench) -> None:
    rustc = Path("/somewhere/toolchains/stable/bin/rustc")
    bench.toolchain = Toolchain(rustc, "", "1.96.0", "x86_64-unknown-linux-gnu", "22.1.8", rustc.parents[1], "rustup")
    lacks(bench, "clippy-driver", "sgdisk")
    assert bench.run("test") == 0
    assert bench.installed == ["package-sgdisk"]
    assert bench.told[-1].endswith("rustup component add clippy")


def test_what_is_still_missing_after_the_installation_is_the_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt.Apt, "install", lambda installer, packages: None)
    lacks(bench, "rustc")
    bench.missing["rustc"] = NO_RUSTC
    assert bench.run() == 2
    assert bench.told == [str(NO_RUSTC)]


def test_a_python_without_ensurepip_gets_its_package(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dotvenv, "can_be_made", lambda environ: False)
    assert bench.run("doctor") == 0
    (package,) = bench.installed
    assert package.startswith("python3.")
    assert package.endswith("-venv")


def test_without_root_a_python_without_ensurepip_gets_pip_from_the_archive(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dotvenv, "can_be_made", lambda environ: False)
    bench.root = None
    assert bench.run("doctor") == 0
    assert bench.pip == bench.home / "python3-pip-whl/usr/share/python-wheels/pip-23.whl/pip"


def test_elsewhere_a_python_without_ensurepip_is_one_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dotvenv, "can_be_made", lambda environ: False)
    bench.system = System.PACMAN
    assert bench.run("doctor") == 2
    assert "has no module ensurepip" in bench.told[0]
