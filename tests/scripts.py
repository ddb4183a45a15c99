"""Small programs that a test writes and starts."""

from __future__ import annotations

import sys
from pathlib import Path


def write_script(path: Path, text: str) -> None:
    """Writes a program of Python to path that starts wherever this interpreter lies, a path with blanks included."""
    body = path.with_name(f"{path.name}.py")
    body.write_text(text)
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{body}" "$@"\n')
    path.chmod(0o755)
