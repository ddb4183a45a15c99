"""The choice of the accelerator, with boots that only say how long they took."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootwright.base.errors import BootwrightError
from bootwright.machine import accelerator
from bootwright.machine.accelerator import Choice, choose_accelerator, find_rival, forget_accelerator, probe


class Boots:
    """Boots that take the given seconds, or fail with the given words; asked holds (accelerator, seconds allowed)."""

    def __init__(self, **takes: float | str) -> None:
        self.takes = takes
        self.asked: list[tuple[str, float]] = []

    def __call__(self, qemu: Path, name: str, allowed: float) -> float:
        self.asked.append((name, allowed))
        took = self.takes[name]
        if isinstance(took, str):
            raise BootwrightError(took)
        return took


@pytest.fixture
def qemu(tmp_path: Path) -> Path:
    program = tmp_path / "qemu-system-x86_64"
    program.write_text("7.2")
    return program


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A memory in a directory that is not there yet, on a machine with KVM."""
    monkeypatch.setattr(accelerator, "find_rival", lambda: ("kvm", ""))
    return tmp_path / "cache" / "bootwright" / "accelerator.json"


@pytest.mark.parametrize(("kvm", "name"), [(0.05, "kvm"), (0.9, "tcg")])
def test_the_quicker_one_is_chosen_and_both_times_are_told(qemu: Path, kvm: float, name: str) -> None:
    choice = probe(qemu, "kvm", Boots(tcg=0.07, kvm=kvm))
    assert choice.name == name
    assert choice.why == f"a boot takes 0.07 s under tcg and {kvm:.2f} s under kvm"


def test_a_rival_that_does_not_boot_is_not_chosen_and_its_words_are_told(qemu: Path) -> None:
    choice = probe(qemu, "kvm", Boots(tcg=0.5, kvm="could not access KVM kernel module"))
    assert choice.name == "tcg"
    assert choice.why.endswith("0.50 s: could not access KVM kernel module")


@pytest.mark.parametrize(("tcg", "allowed"), [(0.07, 1.0), (3.0, 3.0)])
def test_a_rival_is_given_no_longer_than_tcg_took_or_one_second(qemu: Path, tcg: float, allowed: float) -> None:
    boots = Boots(tcg=tcg, kvm="too slow")
    probe(qemu, "kvm", boots)
    assert boots.asked == [("tcg", 20.0), ("kvm", allowed)]


def test_of_two_that_are_equally_quick_tcg_is_taken(qemu: Path) -> None:
    assert probe(qemu, "kvm", Boots(tcg=0.5, kvm=0.5)).name == "tcg"
    assert probe(qemu, "kvm", Boots(tcg=0.5, kvm=0.4999)).name == "kvm"


def test_the_choice_is_remembered_and_nothing_is_booted_again(qemu: Path, memory: Path) -> None:
    boots = Boots(tcg=0.5, kvm=0.1)
    assert choose_accelerator(qemu, memory, boots).fresh
    again = choose_accelerator(qemu, memory, boots)
    assert (again.name, again.fresh) == ("kvm", False)
    assert again.why == "a boot takes 0.50 s under tcg and 0.10 s under kvm"
    assert len(boots.asked) == 2
    assert sorted(path.name for path in memory.parent.iterdir()) == ["accelerator.json", "accelerator.json.lock"]


def test_each_qemu_has_a_choice_of_its_own(qemu: Path, memory: Path, tmp_path: Path) -> None:
    other = tmp_path / "other-qemu"
    other.write_text("10")
    choose_accelerator(qemu, memory, Boots(tcg=0.5, kvm=0.1))
    assert choose_accelerator(other, memory, Boots(tcg=0.5, kvm=0.9)).name == "tcg"
    assert choose_accelerator(qemu, memory, Boots()).name == "kvm"


def test_another_qemu_at_the_same_place_is_probed_again(qemu: Path, memory: Path) -> None:
    choose_accelerator(qemu, memory, Boots(tcg=0.5, kvm=0.1))
    qemu.write_text("7.3, and longer")
    assert choose_accelerator(qemu, memory, Boots(tcg=0.5, kvm=0.9)) == Choice(
        "tcg", "a boot takes 0.50 s under tcg and 0.90 s under kvm", fresh=True
    )


def test_another_kernel_of_the_host_is_probed_again(qemu: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    releases = iter(["6.1", "6.1", "6.2"])
    monkeypatch.setattr(accelerator, "this_computer", lambda: ("Linux", "host", next(releases), "#1", "x86_64"))
    choose_accelerator(qemu, memory, Boots(tcg=0.5, kvm=0.1))
    assert not choose_accelerator(qemu, memory, Boots()).fresh
    assert choose_accelerator(qemu, memory, Boots(tcg=0.5, kvm=0.9)).fresh


def test_what_was_chosen_and_did_not_start_is_forgotten(qemu: Path, memory: Path) -> None:
    choose_accelerator(qemu, memory, Boots(tcg=0.5, kvm=0.1))
    forget_accelerator(qemu, memory)
    assert choose_accelerator(qemu, memory, Boots(tcg=0.5, kvm="device is busy")).name == "tcg"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"QEMU": 1}', '{"QEMU": {"stamp": []}}'])
def test_a_broken_memory_is_made_anew(qemu: Path, memory: Path, text: str) -> None:
    memory.parent.mkdir(parents=True)
    memory.write_text(text.replace("QEMU", str(qemu)))
    assert choose_accelerator(qemu, memory, Boots(tcg=0.5, kvm=0.1)).name == "kvm"
    assert choose_accelerator(qemu, memory, Boots()) == Choice(
        "kvm", "a boot takes 0.50 s under tcg and 0.10 s under kvm"
    )


def test_a_place_that_cannot_be_written_costs_the_probe_alone(qemu: Path, memory: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    for _ in range(2):
        assert choose_accelerator(qemu, memory, Boots(tcg=0.5, kvm=0.1)) == Choice(
            "kvm", "a boot takes 0.50 s under tcg and 0.10 s under kvm", fresh=True
        )


def test_nothing_is_remembered_of_a_qemu_that_does_not_start(qemu: Path, memory: Path) -> None:
    choice = choose_accelerator(qemu, memory, Boots(tcg="QEMU did not start: no such library", kvm=1.0))
    assert choice == Choice("tcg", "no probe was possible: QEMU did not start: no such library")
    assert not memory.exists()


def test_where_there_is_no_rival_nothing_is_booted(qemu: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "find_rival", lambda: ("", "there is no /dev/kvm"))
    boots = Boots()
    assert choose_accelerator(qemu, memory, boots) == Choice("tcg", "there is no /dev/kvm")
    assert boots.asked == [] and not memory.parent.exists()


@pytest.mark.parametrize(
    ("system", "machine", "device", "expected"),
    [
        ("linux", "x86_64", "kvm", ("kvm", "")),
        ("linux", "x86_64", "none", ("", "there is no ")),
        ("linux", "aarch64", "kvm", ("", "kvm runs no x86-64 guest on aarch64")),
        ("darwin", "x86_64", "none", ("hvf", "")),
        ("darwin", "arm64", "none", ("", "hvf runs no x86-64 guest on arm64")),
        ("win32", "AMD64", "none", ("whpx", "")),
        ("freebsd14", "amd64", "none", ("", "QEMU has no other accelerator on freebsd14")),
    ],
)
def test_each_system_has_its_own_rival_of_tcg(
    tmp_path: Path, system: str, machine: str, device: str, expected: tuple[str, str]
) -> None:
    (tmp_path / "kvm").write_text("")
    rival, lacks = find_rival(system, machine, tmp_path / device)
    assert rival == expected[0] and lacks.startswith(expected[1])


def test_a_device_that_the_user_may_not_open_is_no_rival(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "kvm"
    device.write_text("")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may everything
    rival, lacks = find_rival("linux", "x86_64", device)
    assert rival == "" and "may not be used by this user" in lacks
