"""Where bootwright itself lies: the one module that knows it, in a checkout and as pip installs it.

In a checkout the home is the directory with the SConstruct, above site_scons. A wheel carries the same files in
bootwright/carried, beside the modules. Neither is written by a build: an installation may be root's, and read-only.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]  # the modules
SITE = PACKAGE.parent  # what Python imports them from
_CARRIED = PACKAGE / "carried"
INSTALLED = (_CARRIED / "SConstruct").is_file()
HOME = _CARRIED if INSTALLED else SITE.parent  # SConstruct, bootloader/, linker/ and docs/ lie here
SOURCES = PACKAGE if INSTALLED else SITE  # all Python files of bootwright's own are below
PREBUILT = PACKAGE / "prebuilt"  # the loader that a wheel carries
PROGRAM = "bootwright" if INSTALLED else "scons"  # what a person types
