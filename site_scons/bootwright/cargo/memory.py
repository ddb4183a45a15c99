"""A plan is remembered, with all that cargo read for it: while nothing of that changes no cargo is started.

What cargo reads are files (watched.py), the variables whose names begin with CARGO_ or RUST, and the command line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootwright.base import atomic
from bootwright.base.home import PACKAGE
from bootwright.base.regular import LARGEST, read_bytes
from bootwright.cargo.command import NAMES
from bootwright.cargo.units import FORMAT, Plan
from bootwright.cargo.watched import is_as_watched


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns what of environ cargo reads."""
    return {name: value for name, value in sorted(environ.items()) if NAMES.match(name)}


def planner() -> list[list[object]]:
    """Returns what changes when this room does, whose modules make plans."""
    with os.scandir(PACKAGE / "cargo") as entries:
        return sorted([e.name, e.stat().st_size, e.stat().st_mtime_ns] for e in entries if e.name.endswith(".py"))


def recall(path: Path, question: Mapping[str, Any]) -> tuple[Plan, dict[str, Any]] | None:
    """Returns the plan at path and what was remembered with it, if it answers question and nothing it read changed."""
    try:
        facts = json.loads(read_bytes(path, LARGEST))
        if facts["format"] != FORMAT or facts["question"] != question:
            return None
        if not all(is_as_watched(name, fact) for name, fact in facts["watched"].items()):
            return None
        return Plan.from_json(facts["plan"]), facts["more"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def remember(
    path: Path, question: Mapping[str, Any], watched: Mapping[str, str], plan: Plan, more: Mapping[str, Any]
) -> None:
    """Writes the plan that answers question at path, with what it depends on and what else is to be remembered."""
    facts = {"format": FORMAT, "question": question, "watched": watched, "plan": plan.to_json(), "more": more}
    with atomic.new_file(path) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")
