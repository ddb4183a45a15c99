"""From a person's words to scons: sets this machine up where that is needed, then becomes scons in the home.

sconsw does so in a checkout, the program bootwright where it is installed. At each start this imports little.
"""

from __future__ import annotations

import os
import signal

from bootwright.base.cache import lack_of_home
from bootwright.setup import startup

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


PLACES = ("C", "D", "I", "U", "Y", "f", "u")  # SCons's letters for where its files are; meant.py has the words


def start(home: str, arguments: Sequence[str]) -> int:
    """Runs scons with arguments in home; returns where a process cannot become another one, or fails."""
    startup.open_closed()
    if said := lack_of_home():
        from bootwright.setup.installer import tell

        tell(said)
        return 2
    signal.signal(signal.SIGINT, startup.leave)
    if any(word[:1] == "-" and (len(word) > 3 or word[1:2] in PLACES) for word in arguments):
        status = refuse_letters(arguments)
        if status:
            return status
    from bootwright.setup import needs, stamp

    wanted = needs.Wanted(home, arguments, os.environ)
    if not needs.are_met(wanted):
        from bootwright.setup import prepare

        status = refuse_slips(home, arguments)
        if status:
            return status
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = prepare.prepare(wanted)
        if status:
            return status
    file = os.path.join(stamp.package(home), "setup", "startup.py")
    words = needs.scons_arguments(home, needs.with_kernel(home, arguments))
    command = [stamp.venv_python(home), file, "SCons", *words]
    os.chdir(home)
    if os.name != "nt":
        startup.hold()
        os.execv(command[0], command)
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches scons too, which ends by itself
    return subprocess.call(command)


def refuse_letters(arguments: Sequence[str]) -> int:
    """Returns a status where one of our switches has one dash, and says which: SCons would obey each of its letters.

    So it does for those that have SCons read another SConstruct than ours.
    """
    from bootwright.setup import meant, taken

    def check() -> None:
        meant.check_letters(arguments, taken.SWITCHES)
        meant.check_places(arguments, PLACES)

    return _refuse(check)


def refuse_slips(home: str, arguments: Sequence[str]) -> int:
    """Returns a status where a word of the command line is none, and says which: nothing is installed for it."""
    from bootwright.setup import meant, taken, verbs

    targets = [*verbs.BY_WORD, verbs.HELP]
    docs = os.path.join(home, "docs")
    pages = [name.partition(".")[0] for name in os.listdir(docs)] if os.path.isdir(docs) else []
    return _refuse(lambda: meant.check_early(arguments, taken.SWITCHES, targets, pages))


def _refuse(check: Callable[[], None]) -> int:
    from bootwright.base.errors import BootwrightError
    from bootwright.setup.installer import tell

    try:
        check()
    except BootwrightError as error:
        tell(str(error))
        return error.status
    return 0
