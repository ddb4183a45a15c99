"""Read by SCons before the SConstruct: who runs it, the person's private programs, and what our Python files are."""

import atexit
import gc
import importlib.util
import sys

import SCons

PINNED = "4.11"
NEEDED = {"elftools": "pyelftools", "lief": "lief", "rich": "rich"}  # module: package

lacks = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
if lacks or sys.version_info < (3, 11) or [*map(int, SCons.__version__.split(".")[:2])] < [4, 11]:
    here = f"Python {sys.version.split()[0]} ({sys.executable}) with SCons {SCons.__version__}"
    without = f" and without {' and '.join(lacks)}" if lacks else ""
    print(f"bootwright: this scons runs in {here}{without}, which is not what the build needs", file=sys.stderr)
    print("  hint: ./sconsw with the same arguments makes .venv and runs the scons in it", file=sys.stderr)
    sys.exit(2)
if not SCons.__version__.startswith(f"{PINNED}."):
    print(f"bootwright: SCons {SCons.__version__} is untried; ./sconsw uses the pinned {PINNED}", file=sys.stderr)

# SCons and the graph live until the process ends. To look for garbage among them takes a tenth of a build that has
# nothing to do; what actions leave is still found, after more of it.
gc.freeze()
gc.set_threshold(50_000, 20, 50)

from bootwright.base import loaded  # noqa: E402  # an older Python could not read these
from bootwright.base.home import HOME  # noqa: E402
from bootwright.graph.sentences import flush_last  # noqa: E402
from bootwright.setup import stamp, startup  # noqa: E402

startup.open_closed()
atexit.register(flush_last)  # the first that is registered is the last that is called
stamp.add_private_programs(str(HOME))
loaded.note_sources()
loaded.note(str(HOME / "SConstruct"))
