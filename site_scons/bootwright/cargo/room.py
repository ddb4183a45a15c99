"""Where cargo plans: a target directory that nothing but plans uses, and the ghost in the compiler's place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from bootwright.base import atomic
from bootwright.cargo import ghost

INFO = ".rustc_info.json"  # what cargo remembers of rustc's answers, for one wrapper; kept, it saves six starts of it


@dataclass(frozen=True)
class Room:
    """Where cargo plans: its target directory, which nothing but plans uses, the ghost in it, and its log."""

    directory: Path

    @property
    def target(self) -> Path:
        """What cargo takes for its target directory."""
        return self.directory / "target"

    @property
    def ghost(self) -> Path:
        """The program that stands for rustc: one for all rooms, which share rustc's answers so."""
        return self.directory.parent / "ghost"

    @property
    def log(self) -> Path:
        """Where the ghost writes its calls."""
        return self.directory / "log"

    def clear(self) -> None:
        """Makes the room ready for a plan: what an earlier one left would be fresh to cargo."""
        shutil.rmtree(self.log, ignore_errors=True)
        self.target.mkdir(parents=True, exist_ok=True)
        for path in self.target.iterdir():
            if path.name != INFO:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.log.mkdir()
        ghost.write_ghost(self.ghost)
        known = self.directory.with_name(INFO)
        if known.is_file():
            shutil.copyfile(known, self.target / INFO)

    def keep_answers(self) -> None:
        """Gives rustc's answers to the next plan, in whichever room."""
        if (self.target / INFO).is_file():
            with atomic.new_file(self.directory.with_name(INFO)) as temporary:
                shutil.copyfile(self.target / INFO, temporary)

    def environment(self) -> dict[str, str]:
        """Returns the variables that make cargo plan."""
        place = str(self.target)
        return {
            "RUSTC_WRAPPER": str(self.ghost), "CARGO_TARGET_DIR": place, "CARGO_BUILD_BUILD_DIR": place,
            ghost.LOG: str(self.log),
        }  # fmt: skip
