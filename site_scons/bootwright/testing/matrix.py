"""`scons matrix`: a kernel on every row of machine/matrix.py, each in a machine of its own, several at once."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError
from bootwright.base.records import record, replace
from bootwright.base.scratch import scratch_directory
from bootwright.machine import ovmf
from bootwright.machine.config import NETWORK, SECURE
from bootwright.machine.config import UEFI as BY_UEFI
from bootwright.machine.machine import Machine
from bootwright.machine.matrix import UEFI, Row, make_rows
from bootwright.machine.options import TCG
from bootwright.machine.qemu import find_qemu
from bootwright.machine.qmp import QmpError
from bootwright.machine.verdict import Kind, Verdict
from bootwright.run.config import RunConfig
from bootwright.run.run import run
from bootwright.testing.forks import IS_SERVED, ForkedMachines
from bootwright.testing.media import Maker, Medium, copy_for

SECONDS = 180.0  # for the kernel, once the firmware is through: 16 MiB by USB take 90 on a busy builder
PLAIN = Row(0, "bios", "q35", "qemu64", "128M", "ahci", "std", "1", "")  # what the rows of a kernel are compared with


@record(frozen=True)
class Bench:
    """What all rows share: the machine as the kernel's manifest and the person want it, and each kernel's media.

    loader is the fast lane's. exact: a kernel says the same words on each machine; else what it says is its own affair.
    pictures is the directory of the screens, None for none.
    """

    config: RunConfig
    loader: Path
    media: Mapping[str, Medium]
    certificate: Path | None
    exact: bool
    pictures: Path | None = None


@record(frozen=True)
class Outcome:
    """How a row ended: why is "" where it passed; picture is the name of its file, "" where there is no screen."""

    number: int
    why: str
    sentence: str
    seconds: float
    picture: str
    serial: str
    rows: tuple[str, ...]
    command: str
    firmware: str

    @property
    def passed(self) -> bool:
        """Whether it ended as it should."""
        return not self.why


def bench_of(
    rows: Sequence[Row], config: RunConfig, directory: Path, image: Path, kernels: Mapping[str, Path],
    loaders: Sequence[Path], network: Path, pvh: Path, *, exact: bool, environ: Mapping[str, str],
) -> Bench:  # fmt: skip
    """Returns what rows share, with the disks that they ask for made in directory, which gets their screens too.

    image is the disk of the small kernel, kernels are the kernel files by the name that rows have for them: where there
    is no other one, and always for the large one, which has more behind its ELF, the small one stands in. loaders are
    what goes on a disk, in the order of disk.Loaders, network is what a BIOS gets by network.
    """
    directory.mkdir(parents=True, exist_ok=True)
    maker = Maker(tuple(loaders), network, directory)
    media = {}
    for name in dict.fromkeys(row.kernel for row in rows):
        signs = any(row.kernel == name and row.firmware == SECURE for row in rows)
        kernel = maker.larger(kernels["small"]) if name == "large" else kernels.get(name, kernels["small"])
        is_there = kernel == kernels["small"]
        media[name] = maker.medium(name, kernel, image if is_there else None, signs, environ)
    loader = directory / pvh.name
    with atomic.new_file(loader) as made:
        shutil.copyfile(pvh, made)
    return Bench(config, loader, media, maker.keys / "db.crt", exact, directory)


class _Seen:
    """What is looked at while the machine still stands."""

    def __init__(self, picture: Path | None) -> None:
        self._picture = picture
        self.picture = self.command = ""
        self.writes = 0

    def at_end(self, machine: Machine, end: Verdict) -> None:
        self.command = machine.command
        if machine.gone:
            return
        with contextlib.suppress(QmpError, OSError):  # a machine without a screen
            self.writes = machine.disk_writes()
            if self._picture:
                machine.screendump(self._picture)
                self.picture = self._picture.name


def chosen_rows(numbers: str = "", shard: tuple[int, int] = (1, 1)) -> list[Row]:
    """Returns the rows of ROW=, numbers with blanks between, or those of one shard; raises for one that is none."""
    rows = make_rows()
    if not numbers:
        return list(rows[shard[0] - 1 :: shard[1]])
    by_number = {str(row.number): row for row in rows}
    for word in numbers.split():
        if word not in by_number:
            raise BootwrightError(f"ROW={word}: the matrix has rows 1 to {len(rows)}")
    return [by_number[word] for word in dict.fromkeys(numbers.split())]


def machine_of(row: Row, bench: Bench) -> tuple[RunConfig, str]:
    """Returns the machine of a row, without its disk, and what its firmware is."""
    config = replace(
        bench.config, machine=row.machine, memory=row.memory, disk=row.bus, headless=True, accelerator=TCG,
        qemu_flags=(*bench.config.qemu_flags, *row.flags), timeout=bench.config.timeout or SECONDS, keeps=True,
    )  # fmt: skip
    medium = bench.media[row.kernel]
    if row.firmware == "pvh":
        return replace(config, image=medium.kernel, loader=bench.loader), "-kernel"
    config = replace(config, image=medium.image)
    if row.bus == NETWORK:
        config = replace(config, image=medium.file_for(row.firmware))
    if row.firmware not in UEFI:
        return config, "SeaBIOS"
    qemu = find_qemu(config.qemu)
    if row.firmware == SECURE:
        assert medium.signed, "the media were made for these rows"
        code = ovmf.find_ovmf(qemu, secure=True).code
        image = config.image if row.bus == NETWORK else medium.signed
        return replace(config, firmware=SECURE, certificate=bench.certificate, image=image), str(code)
    releases = ovmf.find_releases(qemu)
    release = releases[-1 if row.firmware == "other uefi" else 0]
    flags = (*config.qemu_flags, *release.arguments())
    return replace(config, firmware=BY_UEFI, qemu_flags=flags), str(release.code)


def boot_row(row: Row, bench: Bench, plain: Outcome | None) -> Outcome:
    """Boots a row, on a copy of its disk; plain is how its kernel ended on the plain machine, None for that itself."""
    config, firmware = machine_of(row, bench)
    picture = bench.pictures / f"{row.number}.png" if bench.pictures and row.number else None
    if picture:
        picture.unlink(missing_ok=True)
    seen = _Seen(picture)
    with scratch_directory("matrix") as scratch:
        before = ""
        if config.loader is None and row.bus != NETWORK:
            copy = scratch / config.image.name
            copy_for(row.bus, config.image, copy)
            config, before = replace(config, image=copy), _digest(copy)
        start = time.monotonic()
        end = run(config, io.StringIO(), io.StringIO(), seen.at_end)
        seconds = time.monotonic() - start
        written = bool(before) and (_digest(config.image) != before or seen.writes > 0)
    outcome = Outcome(
        row.number, "", end.sentence, seconds, seen.picture, end.serial, end.screen, seen.command, firmware
    )
    return replace(outcome, why=_judge(row, end, outcome, plain, written, bench.exact))


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _judge(row: Row, end: Verdict, outcome: Outcome, plain: Outcome | None, written: bool, exact: bool) -> str:
    """Returns why a row failed, "" where it did not."""
    if end.kind in (Kind.LOADER_FAILED, Kind.TRIPLE_FAULT, Kind.RESET, Kind.QEMU_FAILED):
        return end.sentence
    if written:
        return "somebody wrote to the disk"
    if plain is None:
        return "" if end.kind is not Kind.STILL_RUNNING or end.serial or any(end.screen) else end.sentence
    if _shape(end.sentence) != _shape(plain.sentence):
        return f"{end.sentence}; on the plain machine: {plain.sentence}"
    if exact and end.serial != plain.serial:
        return f"it said {end.serial[-200:]!r}; on the plain machine {plain.serial[-200:]!r}"
    if exact and row.shows_text and any(plain.rows) and end.screen != plain.rows:
        return f"its screen shows {[line for line in end.screen if line]}"
    return ""


def _shape(sentence: str) -> str:
    """Returns a verdict without the addresses in it, which differ where a machine is another."""
    return sentence.partition(", RIP=")[0]


def _outcome_of(row: Row, bench: Bench, plain: Outcome) -> Outcome:
    """Returns how a row ended, also one whose machine does not start: the others boot all the same."""
    try:
        return boot_row(row, bench, plain)
    except BootwrightError as error:
        return Outcome(row.number, error.message, "", 0.0, "", "", (), error.hint, "")


def boot_rows(
    rows: Sequence[Row], bench: Bench, jobs: int, begins: Callable[[Row], None] = lambda row: None
) -> Iterator[tuple[Row, Outcome]]:
    """Yields each row with its outcome as it ends, jobs of them at once; first the plain machines, one for a kernel."""
    plain = {}
    for kernel in dict.fromkeys(row.kernel for row in rows):
        row = replace(PLAIN, kernel=kernel)
        plain[kernel] = boot_row(row, bench, None)
        if not plain[kernel].passed:
            raise BootwrightError(
                f"the kernel does not come up on the plain machine, with which the rows are compared: "
                f"{plain[kernel].why}",
                "`scons run` shows it",
            )

    def job(row: Row) -> Callable[[], Outcome]:
        return lambda: _outcome_of(row, bench, plain[row.kernel])

    if not IS_SERVED:
        for row in rows:
            begins(row)
            yield row, job(row)()
        return

    machines = ForkedMachines([job(row) for row in rows], jobs, lambda number: begins(rows[number]))
    try:
        for number, outcome in machines.as_they_end():
            yield rows[number], outcome
    finally:
        machines.close()
