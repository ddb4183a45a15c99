"""What pyelftools raises for bytes that are no ELF, or not whole."""

from __future__ import annotations

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError

UNREADABLE = (ELFError, ConstructError, ValueError, LookupError, OSError, OverflowError, AttributeError, TypeError)
