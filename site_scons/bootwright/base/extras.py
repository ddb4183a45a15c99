"""Python packages that a few words need beside bootwright's own, each word's under a name of its own: an extra."""

from __future__ import annotations

from bootwright.base.errors import BootwrightError
from bootwright.base.home import INSTALLED


def lacking(extra: str, what: str, error: ModuleNotFoundError) -> BootwrightError:
    """Returns the sentence for what, which needs the packages of extra, where importing one of them raised error."""
    package = (error.name or "").partition(".")[0]
    command = f"pip install 'bootwright[{extra}]'" if INSTALLED else "./sconsw with the same words adds it to .venv"
    return BootwrightError(f"{what} needs the Python package {package}, which is not installed", command)
