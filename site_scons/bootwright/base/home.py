"""Where bootwright itself lies: the one module that knows it.

In a checkout that is the directory with the SConstruct, above site_scons. The package alone, as pip installs it, has
nothing above it that is bootwright's; what asks for a file of the home there finds none, and says so.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]  # the modules
SITE = PACKAGE.parent  # what Python imports them from
HOME = SITE.parent  # a checkout's SConstruct, bootloader/, linker/, kernel/ and tests/ lie here
