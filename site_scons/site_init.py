"""Read by SCons before the SConstruct: version checks, and what our Python files are before any is imported."""

import sys

import SCons
from SCons.Script import EnsurePythonVersion, EnsureSConsVersion

from bootwright.base import loaded

EnsurePythonVersion(3, 11)
EnsureSConsVersion(4, 11)
if SCons.__version__.split(".")[:2] != ["4", "11"]:
    print(f"bootwright: SCons {SCons.__version__} is untried; ./sconsw uses the pinned 4.11", file=sys.stderr)

loaded.note_sources()
