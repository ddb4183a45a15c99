"""Which place a report names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from bootwright.elf.symbols import Place
from bootwright.faults.facts import NO_MEMORY, asked_for_memory
from bootwright.faults.known import Facts, What
from bootwright.faults.panics import PANIC
from bootwright.faults.subject import Subject
from bootwright.faults.telling import Teller
from bootwright.faults.unwind import Frame

LIBRARY = "/rustc/ac68faa20c58cbccd01ee7208bf3b6e93a7d7f96/library/alloc/src/alloc.rs"
OWN = ("__rust_alloc_error_handler", "k::oom", "core::panicking::panic_fmt", "__rustc::rust_begin_unwind", "k::halt")
DEFAULT = ("__rustc::__rdl_alloc_error_handler", "core::panicking::panic_nounwind_fmt", "__rustc::rust_begin_unwind")


@pytest.mark.parametrize(
    ("handler", "panicked"),
    [(OWN, "src/main.rs:23:26"), (DEFAULT, f"{LIBRARY}:573:9")],
    ids=["own handler", "the library's"],
)
def test_of_a_failed_allocation_who_asked_for_memory_is_named(handler: tuple[str, ...], panicked: str) -> None:
    frames = [Frame(0x2000 + n, (Place(name, "src/main.rs", 23),)) for n, name in enumerate(reversed(handler))]
    frames += [Frame(0x3000, (Place(NO_MEMORY),)), Frame(0x3001, (Place("k::boxed", "src/main.rs", 24),))]
    frames.append(Frame(0x3002, (Place("_start", "src/main.rs", 26),)))
    assert asked_for_memory(frames)
    panic = PANIC.search(f"panicked at {panicked}:\nno memory")
    nothing = cast(Any, None)  # what the place is not found by
    teller = Teller(nothing, nothing, Subject(Path("elf"), Path("png"), Path()), panic)
    where = teller._where(Facts(What.PANIC, no_memory=True), frames)
    assert where == Place("k::boxed", "src/main.rs", 24)
