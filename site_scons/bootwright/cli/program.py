"""The program `bootwright`: what a wheel installs. Its words are those of scons, and some that need no build.

It imports little before it knows the word: Cargo's runner is to be quick, and scons is another process.
"""

from __future__ import annotations

import os
import sys

USAGE = "bootwright -h lists words, variables and switches"
SAME = {"build": "image"}  # as cargo calls it


def main() -> int:
    """Does what the command line says; returns the status, where no other program takes this one's place."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from bootwright.setup.startup import open_closed

        open_closed()
    arguments = sys.argv[1:]
    if arguments[:1] == ["--version"]:
        from bootwright import __version__

        print(f"bootwright {__version__}")
        return 0
    if arguments[:1] in (["runner"], ["path"]):
        from bootwright.base.cache import lack_of_home

        if said := lack_of_home():
            print(f"bootwright: {said}", file=sys.stderr)
            return 2
    if arguments[:1] == ["runner"]:
        import gc

        gc.disable()  # nothing of what is imported is garbage; to look for it takes a tenth of that time
        from bootwright.cli import runner

        gc.freeze()
        gc.enable()

        return runner.main(arguments[1:])
    if arguments[:1] == ["new"]:
        from bootwright.cli import new

        return new.main(arguments[1:])
    if arguments[:1] in (["completion"], ["complete"]):
        from bootwright.cli import completion

        return completion.main(arguments[0], arguments[1:])
    if arguments[:1] == ["path"]:
        if arguments[1:]:
            print(f"bootwright: `bootwright path` takes no word: {' '.join(arguments[1:])}", file=sys.stderr)
            return 2
        return _print_path()
    _keep_away(os.environ)
    from bootwright.base.home import HOME
    from bootwright.setup.start import start

    return start(str(HOME), ["-Q", *(SAME.get(word, word) for word in arguments)])


def _print_path() -> int:
    """Prints PATH whole, with what came privately behind it: an empty directory in PATH would be the one we are in."""
    from bootwright.base.home import HOME
    from bootwright.setup import stamp

    stamp.add_private_programs(str(HOME))
    print(os.environ.get("PATH", ""))
    return 0


def _keep_away(environ: os._Environ[str]) -> None:
    """Takes away what would put other modules in the place of Python's own in the programs that are started.

    Where bootwright itself is found by PYTHONPATH, that stays.
    """
    from bootwright.base.home import SITE

    places = environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(SITE) not in map(os.path.realpath, filter(None, places)):
        environ.pop("PYTHONPATH", None)
    environ.pop("PYTHONHOME", None)


if __name__ == "__main__":
    sys.exit(main())
