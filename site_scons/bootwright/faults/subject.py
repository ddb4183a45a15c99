"""What a report on a run is about; apart from the reports, which most runs do without."""

from __future__ import annotations

from pathlib import Path

from bootwright.base.records import record


@record(frozen=True)
class Subject:
    """What a report is about: the kernel's ELF with its DWARF, where the picture goes, and its sources."""

    elf: Path
    picture: Path
    source: Path
