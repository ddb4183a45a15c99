"""An image with one byte changed is refused with its sentence, or starts the same kernel: 2,000 by lot with --soak."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import pytest
from tests.boot.flips import Flip, flips, parts_of
from tests.boot.kernels import Built, Workshop
from tests.boot.loader_rig import write_sparse

from bootwright.image import layout
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.config import RunConfig
from bootwright.run.run import run
from bootwright.testing.forks import ForkedMachines

SEED = 17
BIOS = ("boot sector", "tables", "stage", "kernel header", "kernel", "anywhere")
UEFI = ("tables", "kernel header", "kernel", "file system", "program", "anywhere")
# How many, by firmware: with --soak, and else.
COUNTS = {"bios": (1600, 6), "uefi": (400, 2)}
SECONDS = 12.0
# What the loader says of each part; a part that is not named may be refused by any sentence.
CODES = {
    "stage": {"SM", "SI", "SC"},
    "kernel header": {"KM", "KH"},
    "kernel": {"KC"},
    "tables": {"GS", "GH", "GF", "GA", "GB", "GK"},
}
# Code that nobody can check before it runs: the boot sector's 440 bytes, and the EFI program's way to its own sum.
UNCHECKED = ("boot sector", "program")


def boot(image: Path, flip: Flip, firmware: str, directory: Path) -> Verdict:
    """Boots the image with that byte changed."""
    data = bytearray(image.read_bytes())
    data[flip.offset] ^= flip.bits
    path = directory / f"flipped-{firmware}-{flip.offset}-{flip.bits}.img"
    write_sparse(path, data)
    config = RunConfig(path, firmware=firmware, headless=True, timeout=SECONDS)
    try:
        return run(config, io.StringIO(), io.StringIO())
    finally:
        path.unlink()


def judge(flip: Flip, end: Verdict) -> str:
    """Returns how it ended in a word, or, where it must not, what is wrong, after an exclamation mark."""
    if end.serial == "Hello World!\r\n" and end.kind is Kind.HALTED:
        return "started" if end.screen == ("Hello World!", *[""] * 24) else f"!another screen: {end.screen}"
    if "Hello" in end.serial:
        return f"!another kernel: {end.serial!r}, {end.sentence}"
    if end.kind is Kind.LOADER_FAILED:
        code = re.search(r"failed: (\w\w)", end.sentence)
        if code is None:
            return "refused by the firmware"
        wanted = CODES.get(flip.part)
        return f"refused: {code[1]}" if wanted is None or code[1] in wanted else f"!another sentence: {end.sentence}"
    told = end.serial + "".join(end.screen)
    if "No bootable device" in told or "BdsDxe: " in told or "Boot failed" in told:
        return "refused by the firmware"
    if flip.part in UNCHECKED or flip.offset < layout.BOOT_CODE_END:
        return f"{end.kind}, in code that nobody checks"
    return f"!{end.kind}: {end.sentence}"


@pytest.mark.needs("ovmf")
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_a_changed_byte_is_refused_or_changes_nothing(
    workshop: Workshop, hello: Built, tmp_path: Path, soak: bool, firmware: str
) -> None:
    files = workshop.loader
    lengths = (files.stages.stat().st_size, hello.kernel.stat().st_size, files.efi.stat().st_size)
    parts = parts_of(hello.image, *lengths)
    chosen = flips(parts, BIOS if firmware == "bios" else UEFI, SEED, COUNTS[firmware][0 if soak else 1])
    jobs = [lambda flip=flip: boot(hello.image, flip, firmware, tmp_path) for flip in chosen]
    machines = ForkedMachines(jobs, 4 if soak else 2)
    counted: Counter[tuple[str, str]] = Counter()
    wrong = []
    for number, end in machines.as_they_end():
        word = judge(chosen[number], end)
        counted[chosen[number].part, word.partition(":")[0] if word[0] == "!" else word] += 1
        if word[0] == "!":
            wrong.append((chosen[number], word))
    machines.close()
    for (part, word), count in sorted(counted.items()):
        print(f"{firmware} {part}: {word} {count}")
    assert not wrong, wrong
