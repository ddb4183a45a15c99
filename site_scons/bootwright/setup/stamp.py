"""The stamp in .venv, which says that all that a run of sconsw needs is there.

To look at it is all that sconsw does on a machine that is set up: it starts no process. The stamp is the last file that
a set-up writes. It names the interpreter, PATH, the directory of the person's private programs where some are used, and
the programs that were found, then holds a copy of requirements.txt: what differs from today's makes it invalid. Of the
compiler it names the targets that it was found to serve, too: without the library's sources it serves a few.
Where bootwright is installed pip has made what .venv is for, and nobody writes there: the stamp lies in the person's
cache.
"""

from __future__ import annotations

import os
import sys

from bootwright.base.cache import cache_directory

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bootwright.setup.needs import Wanted

FORMAT = "bootwright set-up 2"


def is_installed(home: str) -> bool:
    """Tells whether home is the one that a wheel carries, beside the modules."""
    return os.path.isfile(os.path.join(os.path.dirname(home), "base", "home.py"))


def package(home: str) -> str:
    """Returns the directory of the modules."""
    return os.path.dirname(home) if is_installed(home) else os.path.join(home, "site_scons", "bootwright")


def venv_python(home: str) -> str:
    """Returns the path of the interpreter of home's .venv; of an installation, the one that it is installed for."""
    if is_installed(home):
        return sys.executable
    return home + ("\\.venv\\Scripts\\python.exe" if os.name == "nt" else "/.venv/bin/python")


def stamp_path(home: str) -> str:
    """Returns the path of the stamp."""
    if is_installed(home):
        from zlib import crc32

        return os.path.join(cache_directory(), f"set-up-{crc32(home.encode()):08x}.stamp")
    return os.path.join(home, ".venv", "bootwright.stamp")


def interpreter(home: str) -> str:
    """Returns one line that names the interpreter behind .venv and changes when it does; empty when it is gone."""
    path = os.path.realpath(venv_python(home))
    try:
        facts = os.stat(path)
    except OSError:
        return ""
    return f"{path} {facts.st_size} {facts.st_mtime_ns}"


def read(path: str) -> str:
    """Returns the text of a file; empty when there is none, or a pipe or a device, which could keep us waiting."""
    if not os.path.isfile(path):
        return ""
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return stream.read()
    except (OSError, ValueError):  # a text that is no UTF-8, too, is found and named by scons
        return ""


def requirements(home: str) -> str:
    """Returns the text of requirements.txt; of an installation, where it is."""
    if is_installed(home):
        return f"{home}\n"
    return read(os.path.join(home, "requirements.txt"))


def write(wanted: Wanted, found: Mapping[str, str], private: str = "") -> str:
    """Returns the stamp's text for programs found (name -> path); private is the directory of private programs."""
    programs = "".join(f"program {name} {path}\n" for name, path in found.items())
    head = f"{FORMAT}\n{interpreter(wanted.home)}\n{wanted.surroundings()}\nprivate {private}\n"
    return f"{head}{programs}\n{requirements(wanted.home)}"


def venv_is_valid(wanted: Wanted) -> bool:
    """Tells whether .venv was set up wholly for today's requirements.txt and its interpreter is still the same."""
    head, _, packages = read(stamp_path(wanted.home)).partition("\n\n")
    lines = head.split("\n")
    python = interpreter(wanted.home)
    return lines[:2] == [FORMAT, python] and python != "" and packages == requirements(wanted.home) != ""


def found_before(wanted: Wanted) -> dict[str, str]:
    """Returns the programs (name -> path) that the stamp names, if the search would be the same today."""
    lines = read(stamp_path(wanted.home)).partition("\n\n")[0].split("\n")
    if lines[2:3] != [wanted.surroundings()]:
        return {}
    return dict(line.split(" ", 2)[1:] for line in lines[4:] if line.count(" ") > 1)


def private_programs(home: str) -> str:
    """Returns the directory of the private programs that the set-up of home uses; empty where it uses none."""
    lines = read(stamp_path(home)).split("\n", 4)
    word, _, directory = lines[3].partition(" ") if len(lines) > 4 and lines[0] == FORMAT else ("", "", "")
    return directory if word == "private" and os.path.isdir(directory) else ""


def with_private_programs(environ: Mapping[str, str], directory: str) -> Mapping[str, str]:
    """Returns environ with the directory behind all others of PATH, so that the machine's own programs win.

    One of private programs that a shell still has, from before there were more of them, is taken out: it would win too.
    """
    if not directory:
        return environ
    places = environ.get("PATH", os.defpath).split(os.pathsep)
    kept = [place for place in places if place == directory or _store(place) != _store(directory)]
    return {**environ, "PATH": os.pathsep.join(kept if directory in kept else [*kept, directory])}


def has_older(environ: Mapping[str, str], directory: str) -> bool:
    """Tells whether PATH has private programs, and of before those in directory: whoever goes by it lacks some."""
    places = environ.get("PATH", "").split(os.pathsep)
    return any(place != directory and _store(place) == _store(directory) for place in places)


def _store(directory: str) -> str:
    """Returns the directory that holds all private programs of a person, for one of them."""
    return os.path.dirname(os.path.dirname(directory))


def add_private_programs(home: str) -> None:
    """Gives the private programs that the set-up of home uses to this process and those that it starts."""
    directory = private_programs(home)
    if directory:
        os.environ.update(with_private_programs(os.environ, directory))
        try:
            os.utime(os.path.dirname(directory))  # pruning goes by when something was used
        except OSError:  # somebody else's store
            return
