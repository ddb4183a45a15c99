"""What scons with these arguments needs: its words' programs, those of the chosen tests, of the target, of a window.

sconsw asks this at each start: it imports os, sys and data alone.
"""

from __future__ import annotations

import os
import sys

from bootwright.machine.boards import EMULATORS
from bootwright.setup import extras, project_file, stamp
from bootwright.setup.configured import configured_target
from bootwright.setup.of_tests import OF_LINUX, SOAKED, needed_by_tests
from bootwright.setup.paths import is_path
from bootwright.setup.verbs import (
    BUILD,
    BY_WORD,
    FOR_BOARDS,
    HELP,
    HOST_UNITS,
    HOSTED,
    OVMF,
    RUN,
    SBSIGN,
    WINDOW,
)  # fmt: skip

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FIRMWARES = {"FIRMWARE=uefi", "FIRMWARE=secure"}
NO_BUILD = {"-h", "-H", "--help", "--help-options", "-v", "--version", "-c", "--clean", "--remove"}
PRIVATE, SYSTEM = "--private", "--system"  # sconsw's own switches: missing programs come privately, or never do
CHOSEN_BY_HAND = {"RUSTC": "rustc", "QEMU": "qemu-system-x86_64"}
ANY_CORE = "core:*"  # the program that has core for every target: a compiler with the library's sources


class Wanted:
    """The checkout, scons's arguments, the environment and the names of the programs that these need.

    They have what the kernel's files say beside them, and TARGET= where cargo's configuration alone says for what.
    """

    def __init__(self, home: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self.home = home
        self.arguments = with_target(home, project_file.with_words(home, with_kernel(home, arguments)))
        self.environ = environ
        self.programs = needed_programs(self.arguments, has_display(environ), home)
        self.extras = needed_extras(self.arguments, home, environ.get("PATH", ""))

    def surroundings(self) -> str:
        """Returns the settings that the search for the programs depends on, as one line."""
        get = self.environ.get
        return f"{get('PATH')!r} {get('RUSTUP_HOME')!r} {get('RUSTUP_TOOLCHAIN')!r}"


def has_display(environ: Mapping[str, str]) -> bool:
    """Tells whether a window could be opened."""
    return os.name == "nt" or sys.platform == "darwin" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def needed_programs(arguments: Iterable[str], display: bool = False, home: str = "") -> tuple[str, ...]:
    """Returns the names of the programs that scons with these arguments needs, in the order of the tables.

    home is the checkout, whose own tests those of a kernel elsewhere are not.
    """
    arguments = list(arguments)
    verbs = _without_refused(_words(arguments), arguments, home)
    given = [name for name, value in _values(arguments).items() if value]
    needed = dict.fromkeys(name for verb in verbs for name in _needed_by(verb, given))
    if "test" in verbs:
        needed |= dict.fromkeys(needed_by_tests(_patterns(_values(arguments), home)))
    if "soak" in verbs:
        needed |= dict.fromkeys(needed_by_tests(SOAKED))
    emulator = EMULATORS.get(target_word(arguments), "")
    if emulator and emulator != CHOSEN_BY_HAND["QEMU"]:
        if "test" in verbs:  # of that kernel alone
            needed = dict.fromkeys(RUN)
        of_board = {CHOSEN_BY_HAND["QEMU"]: emulator, "gdb": FOR_BOARDS}
        needed = {of_board.get(name, name): None for name in needed}
        display = False  # such a machine has no window
    if "cargo" in needed and has_host_units(_values(arguments).get("KERNEL") or os.path.join(home, "kernel")):
        needed |= dict.fromkeys(name for name in HOST_UNITS if sys.platform == "linux" or name not in OF_LINUX)
    if is_hosted(arguments):
        needed = {name: None for name in needed if name in (*HOSTED, *HOST_UNITS)}
        display = False
    if display and "--headless" not in arguments and any(verb in BY_WORD and BY_WORD[verb].window for verb in verbs):
        needed[WINDOW] = None
    if _values(arguments).get("BOARD"):  # a machine that there is
        needed = {name: None for name in needed if name not in (CHOSEN_BY_HAND["QEMU"], WINDOW)}
        display = False
    if _signs(arguments) and "rustc" in needed:
        needed[SBSIGN] = None
    if not FIRMWARES.isdisjoint(arguments) and CHOSEN_BY_HAND["QEMU"] in needed:
        needed[OVMF] = None
    for argument in arguments:
        variable, _, value = argument.partition("=")
        if value and variable in CHOSEN_BY_HAND:
            needed.pop(emulator if variable == "QEMU" and emulator else CHOSEN_BY_HAND[variable], None)
            if variable == "QEMU":
                needed.pop(WINDOW, None)
    return tuple(needed)


def needed_extras(arguments: Iterable[str], home: str, path: str) -> tuple[str, ...]:
    """Returns the sets of Python packages that scons with these arguments needs; tests of bootwright itself all."""
    words, values = _words(arguments), _values(arguments)
    own = "test" in words and not values.get("BOARD") and target_word(arguments) in ("", "x86_64")
    if "soak" in words or (own and not are_of_kernels(_patterns(values, home))):
        return () if stamp.is_installed(home) else tuple(extras.FOR)
    return extras.needed(home, words, values, path)


def _words(arguments: Iterable[str]) -> list[str]:
    """Returns the targets among arguments, an empty one for the default; none where nothing is built."""
    arguments = list(arguments)
    words = [a for a in arguments if not a.startswith("-") and "=" not in a] or [""]
    return words if NO_BUILD.isdisjoint(arguments) and words[0] != HELP else []


def _without_refused(words: list[str], arguments: list[str], home: str) -> list[str]:
    """Returns words without those that an installation will refuse, for which nothing needs to come.

    It has no tests of bootwright's own, and no example that is built where the person is in no package.
    """
    if not home or not stamp.is_installed(home):
        return words
    values = _values(arguments)
    if not values.get("KERNEL") and not is_hosted(arguments):
        given = [name for name, value in values.items() if value]
        words = [word for word in words if word in BY_WORD and BY_WORD[word].is_idle(given)]
    return [word for word in words if word != "soak"]


def _signs(arguments: Iterable[str]) -> bool:
    """Tells whether the EFI program is to be signed."""
    values = _values(arguments)
    return values.get("SIGN") == "1" or bool(values.get("SIGN_KEY"))


def _needed_by(word: str, given: Iterable[str]) -> tuple[str, ...]:
    """Returns what a word needs; any other is the name of a file."""
    return BY_WORD[word].needed(given) if word in BY_WORD else BUILD


def _patterns(values: Mapping[str, str], home: str) -> list[str]:
    """Returns the patterns of TESTS=; of a kernel elsewhere one that chooses its own tests alone."""
    kernel = values.get("KERNEL")
    if kernel and os.path.abspath(kernel) != os.path.join(home, "kernel"):
        return ["kernel/"]
    return (values.get("TESTS") or "*").split()


def are_of_kernels(patterns: Iterable[str]) -> bool:
    """Tells whether patterns of TESTS= choose tests of kernels alone, and none of bootwright's own."""
    return all(pattern == "kernel" or pattern.startswith("kernel/") for pattern in patterns)


def has_host_units(kernel: str) -> bool:
    """Tells whether a package may have units that run on the builder: a build script, or dependencies that could."""
    manifest = stamp.read(os.path.join(kernel, "Cargo.toml"))
    return "dependencies" in manifest or os.path.exists(os.path.join(kernel, "build.rs"))


def is_hosted(arguments: Sequence[str]) -> bool:
    """Tells whether arguments ask for programs for a host, and for no kernel."""
    values = _values(arguments)
    return bool(values.get("HOST") or values.get("ARCH")) or "hosts" in arguments


def _values(arguments: Iterable[str]) -> dict[str, str]:
    return dict(argument.split("=", 1) for argument in arguments if "=" in argument)


def with_kernel(home: str, arguments: Iterable[str]) -> list[str]:
    """Returns arguments, and KERNEL= for the package in which the person is, as cargo takes it, where none is named.

    It comes first: behind a switch without its value, as -j, it would be that.
    """
    arguments = list(arguments)
    if _values(arguments).get("KERNEL"):
        return arguments
    try:
        place = os.path.realpath(os.curdir)
    except OSError:  # a directory that is gone
        return arguments
    below = ""
    while place not in (below, home):
        if os.path.isfile(os.path.join(place, "Cargo.toml")):
            # The example is the default, and alone the one whose tests are bootwright's own as well.
            others = [word for word in arguments if word != "KERNEL="]
            return arguments if place == os.path.join(home, "kernel") else [f"KERNEL={place}", *others]
        place, below = os.path.dirname(place), place
    return arguments


def with_target(home: str, arguments: Iterable[str]) -> list[str]:
    """Returns arguments, and TARGET= where neither they nor HOST= say for what, but cargo's configuration does."""
    arguments = list(arguments)
    values = _values(arguments)
    if values.get("TARGET") or is_hosted(arguments):
        return arguments
    place = os.path.abspath(values.get("KERNEL") or os.path.join(home, "kernel"))
    target = configured_target(place)
    return [*arguments, f"TARGET={target}"] if target else arguments


def target_word(arguments: Iterable[str]) -> str:
    """Returns the first word of what TARGET= names, a triple or a JSON's llvm-target; empty where that is not clear."""
    named = [a.partition("=")[2] for a in arguments if a.startswith("TARGET=")]
    target = named[-1] if named else ""
    if target.endswith(".json"):
        value = stamp.read(target).partition('"llvm-target"')[2].partition(":")[2].lstrip()
        target = value.split('"')[1] if value.startswith('"') and value.count('"') > 1 else ""
    return target.partition("-")[0]


def core_name(arguments: Sequence[str]) -> str:
    """Returns the stamp's name of a compiler with core for what TARGET= names, or the loader where nothing does.

    For a JSON file and for a host core is made of its sources, whichever it is.
    """
    target = _values(arguments).get("TARGET", "")
    if is_hosted(arguments) or target.endswith(".json"):
        return ANY_CORE
    return f"core:{target}"


def scons_arguments(home: str, arguments: Iterable[str]) -> list[str]:
    """Returns arguments for scons in home: --json and --list quieten scons itself, paths are from where the person is.

    What is for sconsw alone is not among them.
    """
    elsewhere = not os.path.samefile(os.curdir, home)
    changed = []
    for argument in arguments:
        if argument in (PRIVATE, SYSTEM):
            continue
        variable, _, value = argument.partition("=")
        if variable in ("--json", "--list"):
            changed.append("-Q")
        if elsewhere and value and is_path(variable, value):
            argument = f"{variable}={os.path.abspath(value)}"
        elif elsewhere and "=" not in argument and argument[:1] != "-" and os.sep in argument:
            argument = os.path.abspath(argument)  # the file of a kernel's that is to be made
        changed.append(argument)
    return changed


def are_met(wanted: Wanted) -> bool:
    """Tells whether scons can start as it is: .venv has what it needs, and each program was found and still exists.

    The compiler, unless RUSTC= names it, was found to serve this target.
    """
    if not stamp.venv_is_valid(wanted) or {PRIVATE, SYSTEM}.issubset(wanted.arguments):  # which the set-up refuses
        return False
    found = stamp.found_before(wanted) if wanted.programs else {}
    there = {name for name, path in found.items() if os.access(path, os.X_OK)}
    if "rustc" in wanted.programs and there.isdisjoint((ANY_CORE, core_name(wanted.arguments))):
        return False
    return there.issuperset(wanted.programs) and all(extras.is_there(wanted.home, name) for name in wanted.extras)
