"""Which Debian and Ubuntu packages are chosen, from what their archives hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.machine.boards import BOARDS
from bootwright.setup import apt
from bootwright.setup import installer as watched
from bootwright.setup.installer import Ended
from bootwright.setup.of_tests import TESTS

ALL = ["rustc", "ld.lld", "llvm-objcopy", "qemu-system-x86_64", "rustfmt", "clippy-driver", "sgdisk"]


class FakeArchive(apt.Archive):
    """An archive that holds versions (package -> candidate), of which some are installed."""

    def __init__(self, versions: dict[str, str], installed: Sequence[str] = (), brings: Sequence[str] = ()) -> None:
        self.versions = versions
        self.installed = installed
        self.brings = list(brings)

    def policy(self, names: Iterable[str]) -> dict[str, apt.Version]:
        known = {name: self.versions[name] for name in names if name in self.versions}
        return {name: apt.Version(v if name in self.installed else "", v) for name, v in known.items()}

    def names(self, prefix: str) -> list[str]:
        return [name for name in self.versions if name.startswith(prefix)]

    def would_install(self, packages: Sequence[str]) -> list[str]:
        return self.brings


def llvm(*majors: int) -> dict[str, str]:
    return {f"{tool}-{major}": f"1:{major}.1.0" for major in majors for tool in ("lld", "llvm")}


BOOKWORM = {"rustc": "1.63.0+dfsg1-2", "rustc-web": "1.96.0+dfsg1-1~deb12u2", **llvm(14, 19, 22)}
TRIXIE = {"rustc": "1.85.0+dfsg3-1", **llvm(17, 18, 19)}
NOBLE = {"rustc": "1.75.0+dfsg0ubuntu1", "rustc-1.80": "1.80.1", "rustc-1.89": "1.89.0+dfsg~24.04", **llvm(18, 20)}


def test_debian_12_gives_the_newer_compiler_and_the_llvm_that_it_brings() -> None:
    packages = apt.packages_for(FakeArchive(BOOKWORM, brings=["libllvm22", "gcc"]), ALL, None)
    assert packages == [
        "rustc-web", "rust-web-src", "rustfmt-web", "rust-web-clippy", "lld-22", "llvm-22", "qemu-system-x86", "gdisk",
    ]  # fmt: skip


def test_the_emulator_of_riscv_has_a_package_of_its_own_or_is_in_misc() -> None:
    emulators = ["qemu-system-arm", "qemu-system-riscv64", "qemu-system-aarch64"]
    assert apt.packages_for(FakeArchive({}), emulators, None) == ["qemu-system-arm", "qemu-system-misc"]
    with_riscv = FakeArchive({"qemu-system-riscv": "1:10.0"})
    assert apt.packages_for(with_riscv, emulators, None) == ["qemu-system-arm", "qemu-system-riscv"]


def test_debian_13_gives_its_own_compiler() -> None:
    packages = apt.packages_for(FakeArchive(TRIXIE, brings=["libllvm19"]), [*ALL, "qemu-window"], None)
    assert packages == [
        "rustc", "rust-src", "rustfmt", "rust-clippy", "lld-19", "llvm-19", "qemu-system-x86", "gdisk",
        "qemu-system-gui",
    ]  # fmt: skip


def test_ubuntu_gives_the_newest_numbered_compiler() -> None:
    packages = apt.packages_for(FakeArchive(NOBLE, brings=["libllvm20"]), ["rustc", "rustfmt", "clippy-driver"], None)
    assert packages == ["rustc-1.89", "rust-1.89-src", "rustfmt-1.89", "rust-1.89-clippy"]


def test_a_compiler_that_is_installed_is_completed_and_not_replaced() -> None:
    archive = FakeArchive({**NOBLE, "rustc-1.85": "1.85.1"}, installed=["rustc-1.85"])
    assert apt.packages_for(archive, ["rustc"], 19) == ["rustc-1.85", "rust-1.85-src"]


def test_a_release_without_a_new_compiler_is_told_about_rustup() -> None:
    with pytest.raises(BootwrightError, match=r"the oldest supported is 1\.85") as raised:
        apt.packages_for(FakeArchive({"rustc": "1.48.0", **llvm(11)}), ["rustc"], None)
    assert "rustup target add x86_64-unknown-none" in raised.value.hint


@pytest.mark.parametrize(("major", "chosen"), [(22, 22), (21, 22), (20, 19), (30, 22), (15, 14)])
def test_the_nearest_llvm_is_taken_and_of_two_the_newer(major: int, chosen: int) -> None:
    assert apt.llvm_packages(FakeArchive(BOOKWORM), major) == [f"lld-{chosen}", f"llvm-{chosen}"]


def test_cargo_comes_from_the_sources_of_the_compiler_that_is_taken() -> None:
    for versions, package in ((BOOKWORM, "cargo-web"), (TRIXIE, "cargo"), (NOBLE, "cargo-1.89")):
        assert package in apt.packages_for(FakeArchive(versions), ["cargo"], 19)


def test_an_archive_without_numbered_llvm_gives_the_plain_names() -> None:
    assert apt.llvm_packages(FakeArchive({"lld": "19"}), 19) == ["lld", "llvm"]


def test_the_sources_of_compiler_builtins_come_along_where_they_are_a_package_of_their_own() -> None:
    archive = FakeArchive({**TRIXIE, apt.BUILTINS: "0.1.139-1"})
    assert apt.packages_for(archive, ["rustc"], 19) == ["rustc", "rust-src", apt.BUILTINS]


def test_a_compiler_whose_sources_have_compiler_builtins_inside_needs_no_package_of_it() -> None:
    archive = FakeArchive({**BOOKWORM, apt.BUILTINS: "0.1.139-1"})
    assert apt.packages_for(archive, ["rustc"], 22) == ["rustc-web", "rust-web-src"]


def test_an_installed_compiler_decides_the_llvm() -> None:
    assert apt.packages_for(FakeArchive(BOOKWORM, brings=["libllvm22"]), ["ld.lld"], 19) == ["lld-19", "llvm-19"]


class Runs:
    """Stands for watched.watch: collects the commands and ends each as it was told."""

    def __init__(self, *ends: Ended) -> None:
        self.ends = list(ends)
        self.commands: list[list[str]] = []

    def watch(self, argv: list[str], environ: object, progress: object) -> Ended:
        self.commands.append([word for word in argv if "=" not in word])
        return self.ends.pop(0)


DONE = Ended(0, ())


def install(monkeypatch: pytest.MonkeyPatch, *ends: Ended) -> tuple[Runs, list[str]]:
    runs, told = Runs(*ends), list[str]()
    monkeypatch.setattr(watched, "watch", runs.watch)
    apt.Apt({}, ["sudo"], told.append).install(["rustc", "gdisk"])
    return runs, told


def test_one_line_says_what_is_installed_and_nothing_is_ever_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, told = install(monkeypatch, DONE)
    assert told == ["installing with apt-get (sudo): rustc gdisk"]
    (command,) = runs.commands
    assert command[0] == "sudo"
    assert {"apt-get", "install", "-y", "--no-install-recommends", "--no-remove"} <= set(command)
    assert command[-2:] == ["rustc", "gdisk"]


def test_root_takes_nothing_from_the_persons_path(monkeypatch: pytest.MonkeyPatch) -> None:
    argv: list[str] = []

    def watch(words: list[str], environ: object, progress: object) -> Ended:
        argv.extend(words)
        return DONE

    monkeypatch.setattr(watched, "watch", watch)
    apt.Apt({"PATH": "/somebody/bin"}, ["sudo"], lambda line: None).install(["gdisk"])
    start = argv.index("apt-get")
    assert f"PATH={apt.ROOTS_PATH}" in argv[:start]
    assert [word for word in argv[1:start] if word in ("sh", "env", "/bin/sh", "/usr/bin/env")] == [
        "/bin/sh", "sh", "/usr/bin/env",
    ]  # fmt: skip  # the second is sh's own name for itself


def test_lists_that_name_missing_files_are_renewed_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, told = install(monkeypatch, Ended(100, ("E: Failed to fetch x  404  Not Found",)), DONE, DONE)
    assert ["update" in command for command in runs.commands] == [False, True, False]
    assert told[1] == "apt-get update, since the archive has moved on"


def test_an_installation_that_was_killed_is_completed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, told = install(monkeypatch, Ended(100, ("E: dpkg was interrupted, run 'dpkg --configure -a'",)), DONE, DONE)
    assert runs.commands[1][-3:] == ["dpkg", "--configure", "-a"]
    assert "was interrupted" in told[1]


def test_a_failure_is_told_after_one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BootwrightError, match="no archive answers"):
        install(monkeypatch, Ended(100, ("E: Temporary failure resolving 'x'",)))


@pytest.mark.parametrize(
    ("version", "series"),
    [("1.96.0+dfsg1-1~deb12u2", (1, 96)), ("1:1.85.0", (1, 85)), ("", (0, 0)), ("(none)", (0, 0))],
    ids=["plain", "epoch", "empty", "none"],
)
def test_versions_of_debian_are_read(version: str, series: tuple[int, int]) -> None:
    assert apt.rust_series(version) == series


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dlstatus:1:20.6:Retrieving file 3 of 40 (1min left)", "fetching  21 %  Retrieving file 3 of 40 (1min left)"),
        ("pmstatus:lld-22:64.0:Unpacking lld-22 (amd64)", "installing  64 %  Unpacking lld-22 (amd64)"),
        ("E: Unable to locate package", None),
    ],
    ids=["download", "installation", "other"],
)
def test_progress_is_a_few_words(line: str, words: str | None) -> None:
    assert apt.apt_progress(line) == words


@pytest.mark.parametrize(
    ("said", "sentence", "cure"),
    [
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "MB left", "free some space"),
        ("Could not get lock /var/lib/dpkg/lock-frontend", "another program is installing", "let it end"),
        ("Temporary failure resolving 'example.org'", "no archive answers", "connect to the network"),
        ("dpkg: error processing package x", "failed with status 100", "cure what it says"),
    ],
    ids=["disk full", "locked", "offline", "other"],
)
def test_a_failure_is_a_sentence_with_a_cure_and_the_installers_words(said: str, sentence: str, cure: str) -> None:
    error = apt.failure(Ended(100, ("Reading package lists...", said)), "rustc")
    assert sentence in error.message.splitlines()[0]
    assert f"  | {said}" in error.message
    assert cure in error.hint


def test_each_program_that_tests_want_has_a_package() -> None:
    known = {*apt.SIMPLE, *apt.OF_RUSTC, "ld.lld", "llvm-objcopy", *(board.qemu for board in BOARDS)}
    assert {name for _, names in TESTS for name in names} <= known
