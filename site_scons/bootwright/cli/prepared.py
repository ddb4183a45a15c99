"""What a machine boots for the runner: the kernel file, and of a run the image, made beside the program.

What was made is remembered with all that it was made of. The same program again is booted from it, and nothing of that
is read: to look at a few files takes a third of the time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from bootwright import __version__
from bootwright.base.cache import cache_directory
from bootwright.base.home import HOME, INSTALLED, PACKAGE, PREBUILT
from bootwright.base.loaded import stamp
from bootwright.base.records import record
from bootwright.base.remembered import Memory

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from bootwright.cargo.metadata import BootloaderSettings
    from bootwright.image.elf_file import ElfFile

MEMORY = "runner.json"  # in the store's directory
FORMAT = "runner 2"
REMEMBERED = 64
BOOT_CONFIG = "boot.json"
ON_THE_DISK = ("boot_sector.bin", "cd_boot.bin", "stages.bin", "bootx64.efi")  # as image.disk.Loaders has them
FAST_LOADER = "pvh.elf"
OF_A_LOADER = ("bootloader", "site_scons/bootwright/image", "site_scons/bootwright/loader", "site_scons/bootwright/cli")


@record(frozen=True)
class Prepared:
    """What is booted: the image, or in the fast lane the kernel file; the loader's directory, and lines to be told."""

    image: Path
    loader: Path
    remarks: tuple[str, ...]


def look(exe: Path, manifest: Path) -> list[object]:
    """Returns what is another once the program or the package's own files are; to be asked before they are read."""
    return [*map(stamp, (exe, manifest, manifest.parent / BOOT_CONFIG))]


class Preparation:
    """One program exe of the package in a directory, for one lane; features are those of the crate bootloader 0.9.

    seen is what look() said before anything was read.
    """

    def __init__(self, exe: Path, fast: bool, manifest: Path, features: Collection[str], seen: list[object]) -> None:
        self.exe, self.fast, self.manifest, self.features, self._seen = exe, fast, manifest, features, seen
        self.image = exe.with_name(f"{exe.name}.{'kernel' if fast else 'img'}")
        self.boot_config = manifest.parent / BOOT_CONFIG
        self._memory = Memory(Path(cache_directory(), MEMORY), FORMAT, REMEMBERED)
        self._question = json.dumps([str(exe), fast, str(PACKAGE), __version__])

    def known(self) -> Prepared | None:
        """Returns what was made the last time, where it is whole and nothing that it was made of is another."""
        answer = self._memory.answer(self._question)
        if not answer:
            return None
        loader = Path(answer["loader"])
        if not self._memory.holds(self._question, [*self._seen, stamp(self.image), *self._others(loader)]):
            return None
        return Prepared(self.image, loader, tuple(answer["remarks"]))

    def make(
        self, elf: ElfFile, settings: BootloaderSettings, environ: Mapping[str, str], tell: Callable[[str], None]
    ) -> Prepared:
        """Writes the kernel file or the image; elf is exe, settings are the manifest's for bootloader 0.9."""
        from bootwright.base import atomic
        from bootwright.cli.loaders import find_loader
        from bootwright.image import kernel_file
        from bootwright.loader.settings import finish_settings, settings_09

        loader = find_loader(environ, tell)
        made_of = self._others(loader)
        wanted = settings_09(settings, self.features, self.manifest)
        told, remarks = finish_settings(
            self.exe, wanted, self.boot_config if self.boot_config.is_file() else None, None
        )
        kernel = kernel_file.write_kernel_file(elf.without_sections(), told)
        with atomic.new_file(self.image, shared=True) as path:
            if self.fast:
                path.write_bytes(kernel)
            else:
                from bootwright.image import disk

                parts = [(loader / name).read_bytes() for name in ON_THE_DISK]
                disk.write_image(path, self.exe.name, disk.Loaders(*parts), kernel)
            written = stamp(path)
        # The stamps are of the time before anything was read: what was replaced since is another one the next time.
        now = stamp(self.image)
        is_ours = written is not None and now is not None and now[:3] == written[:3]  # another process makes it too
        if is_ours:
            answer = {"loader": str(loader), "remarks": remarks}
            self._memory.keep(self._question, [*self._seen, now, *made_of], answer)
            self._memory.write()
        return Prepared(self.image, loader, tuple(remarks))

    def _others(self, loader: Path) -> list[object]:
        """Returns what differs where the same program would be made another thing of."""
        files = [loader / name for name in (*ON_THE_DISK, FAST_LOADER)]
        return [sorted(self.features), *map(stamp, files), *_own_files()]


def _own_files() -> list[object]:
    """Returns what differs where bootwright is another one: of an installation pip alone writes the files."""
    if INSTALLED:
        return [stamp(PREBUILT / "loader.json")]
    return [[path, stamp(path)] for folder in OF_A_LOADER for path in _files(str(HOME / folder))]


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in ("__pycache__", "target"):
                yield from _files(entry.path)
        else:
            yield entry.path
