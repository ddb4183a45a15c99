"""A disk whose read fails once, whichever read that is: the kernel starts, or what could not be read is named.

QEMU's blkdebug counts the reads, the firmware's own before the loader begins among them. With --soak each read of a
boot fails in turn, else a few by lot.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.boot.kernels import Built

from bootwright.base.sizes import MIB
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.config import RunConfig
from bootwright.run.run import run
from bootwright.testing.forks import ForkedMachines

SEED = 17
# How many reads fail in turn without --soak.
FEW = {"bios": 4, "uefi": 1}
SECONDS = 12.0
INPUT_OUTPUT_ERROR = 5
# What firmware says of a disk that it could not start from.
FIRMWARES_WORDS = ("No bootable device", "Boot failed", "BdsDxe: ")


@dataclass(frozen=True)
class Disks:
    """Machines with hello's disk, which fails as it is told, beside an empty one."""

    image: Path
    directory: Path

    def boot(self, firmware: str, rules: str, *flags: str) -> Verdict:
        """Boots; rules are blkdebug's."""
        place = self.directory / f"{firmware}-{hashlib.sha256(rules.encode()).hexdigest()[:16]}"
        place.with_suffix(".rules").write_text(rules)
        empty = place.with_suffix(".empty")
        empty.write_bytes(bytes(MIB))
        drive = "if=none,id=failing,format=raw,file.driver=blkdebug,file.image.driver=file,"
        # Several machines have it at once; none shall write to it, which the test sees.
        drive += f"file.image.filename={self.image},file.image.locking=off,file.config={place}.rules"
        device = "ide-hd,drive=failing,bus=ide.1,bootindex=0,rerror=report"
        words = ("-drive", drive, "-device", device, *flags)
        config = RunConfig(empty, qemu_flags=words, firmware=firmware, headless=True, timeout=SECONDS)
        return run(config, io.StringIO(), io.StringIO())

    def reads(self, firmware: str) -> list[int]:
        """Returns where on the disk each read of a boot begins, in bytes, by QEMU's own trace."""
        log = self.directory / f"{firmware}.trace"
        end = self.boot(firmware, "", "-trace", "enable=blk_co_preadv", "-D", str(log))
        assert end.serial == "Hello World!\r\n", end
        found = re.findall(r"blk_co_preadv blk \S+ bs (\S+) offset (\d+)", log.read_text())
        # The other disk ends where the kernel's partition begins.
        disk = next(disk for disk, offset in found if int(offset) >= MIB)
        return [int(offset) for of, offset in found if of == disk]


def rules_at(number: int) -> str:
    """Returns the rules by which the read of that number fails: each read before it leads to the next state."""
    rules = [
        f'[set-state]\nevent = "read_aio"\nstate = "{state}"\nnew_state = "{state + 1}"\n'
        for state in range(1, number)
    ]  # fmt: skip
    rules.append(
        f'[inject-error]\nevent = "read_aio"\nerrno = "{INPUT_OUTPUT_ERROR}"\nstate = "{number}"\nonce = "on"\n'
    )
    return "\n".join(rules)


def judge(end: Verdict) -> str:
    """Returns how a boot ended in a word, or, where it must not, what is wrong, after an exclamation mark."""
    if end.kind is Kind.HALTED and end.serial == "Hello World!\r\n":
        return "started"
    named = re.search(r"failed: (?:DR: the disk cannot be read at LBA \d+;|DS)", end.sentence)
    if end.kind is Kind.LOADER_FAILED and named:
        return "named"
    told = end.serial + "".join(end.screen)
    if "bootwright" not in told and any(words in told for words in FIRMWARES_WORDS):
        return "given up by the firmware, before a loader began"
    return f"!{end.kind}: {end.sentence} {told}"


@pytest.mark.needs("ovmf")
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_a_read_that_fails_once_is_tried_again_or_named(
    hello: Built, tmp_path: Path, soak: bool, firmware: str
) -> None:
    disks = Disks(hello.image, tmp_path)
    before = hashlib.sha256(hello.image.read_bytes()).digest()
    offsets = disks.reads(firmware)
    numbers = list(range(1, len(offsets) + 1))
    if not soak:
        # Of UEFI one of the loader's own: they are the last.
        numbers = random.Random(SEED).sample(numbers[1:] if firmware == "bios" else numbers[-2:], FEW[firmware])
    jobs = [lambda number=number: disks.boot(firmware, rules_at(number)) for number in numbers]
    machines = ForkedMachines(jobs, 4 if soak else 2)
    wrong, counted = [], Counter[str]()
    for index, end in machines.as_they_end():
        word = judge(end)
        counted[word[:1] if word[0] == "!" else word] += 1
        print(f"{firmware}: read {numbers[index]} at LBA {offsets[numbers[index] - 1] // 512}: {word}")
        if word[0] == "!":
            wrong.append((numbers[index], word))
    machines.close()
    print(f"{firmware}: {len(numbers)} of {len(offsets)} reads failed: {dict(counted)}")
    assert not wrong, wrong
    assert hashlib.sha256(hello.image.read_bytes()).digest() == before, "the disk was written"
