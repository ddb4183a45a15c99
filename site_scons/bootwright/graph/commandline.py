"""The command line: what was said, whether there is such a word, and whether the words go together."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SCons.Node.FS import File
from SCons.Script import ARGUMENTS, COMMAND_LINE_TARGETS, AddOption, GetOption, Main

from bootwright.base.cache import cache_directory
from bootwright.base.errors import BootwrightError
from bootwright.base.home import INSTALLED
from bootwright.cargo.host_tuple import resolve_target
from bootwright.graph.sentences import said_in
from bootwright.setup import project_file, taken
from bootwright.setup.verbs import BY_WORD, HELP, VERBS
from bootwright.setup.words import OF_SCONSW, VARIABLES

if TYPE_CHECKING:
    from bootwright.graph.nodes import KernelNodes
    from bootwright.machine.boards import Board
    from bootwright.run.settings import CommandLine
    from bootwright.storage.shared_cache import Cache

WORK = "work"  # in the store's directory: a build directory for what is about no package
FOR_MACHINES = (*taken.MACHINES, "usb")
DOLLAR = "has a $ in its path, which SCons takes for a variable's"
LONGEST_OUTPUT = 235  # bytes of a name; what is made beside it has up to 15 more, and 255 are all there are


def add_switches(arguments: Sequence[str]) -> None:
    """Declares the switches to SCons; raises where arguments, its command line, misspell one, or say a word twice."""
    taken.check_doubled(arguments)
    for name in ("headless", "cd", "fast", "full", "cargo", "check", "explain", "verbose", "list"):
        AddOption(f"--{name}", action="store_true", default=False)
    AddOption("--json", nargs="?", type="string", const="-", default=None)
    for name in taken.WITH_VALUE:
        AddOption(name, nargs=1, type="string", default=None)
    known = [name for option in Main.OptionsParser.option_list for name in option._long_opts]
    known += [name for group in Main.OptionsParser.option_groups for o in group.option_list for name in o._long_opts]
    # A switch of SCons's own or a few letters in one word, as -Qc, are nobody's mistake.
    if any(word[:1] == "-" and len(word) > 3 and word.partition("=")[0] not in known for word in arguments):
        from bootwright.setup.meant import check_switches

        check_switches(arguments, taken.SWITCHES, known)


def read_variables(arguments: Mapping[str, str], home: Path, launch: str) -> dict[str, str]:
    """Returns every variable with its value or default; raises for an unknown name or an illegal value.

    Where the command line, arguments, says nothing the kernel's files do. TARGET comes as TARGETWORD: SCons keeps that
    name for the target of an action.
    """
    global _in_files
    names = [v.name for v in VARIABLES]
    for name in arguments:
        if name not in names:
            from bootwright.setup.meant import check_variable

            check_variable(name, arguments[name], names)
        shown = os.fsencode(arguments[name]).decode("utf-8", "backslashreplace")
        if shown != arguments[name]:
            raise BootwrightError(f"{name}={shown} is not UTF-8, and cargo and rustc take no other names", "rename it")
    kernel = project_file.kernel_of(arguments, str(home), launch)
    _in_files = project_file.find_words(kernel, arguments) if kernel else {}
    said_in.update({name: word.place for name, word in _in_files.items()})
    given = {**{name: word.value for name, word in _in_files.items()}, **arguments}
    values = {v.name: given.get(v.name) or v.default for v in VARIABLES}  # NAME= without a value is the default
    for v in VARIABLES:
        if v.values and values[v.name] not in (*v.values, v.default):
            from bootwright.setup.meant import nearest  # a command line without a mistake does not pay for it

            near = nearest(values[v.name].lower(), v.values, 0.5)
            hint = f"did you mean {v.name}={near}?" if near else ""
            raise BootwrightError(f"{v.name}={values[v.name]} is none of {', '.join(v.values)}", hint)
    if values["TIMEOUT"] and not _is_positive(values["TIMEOUT"]):
        raise BootwrightError(f"TIMEOUT={values['TIMEOUT']} is no positive number of seconds")
    if values["BOARD_WAIT"] != "0" and not _is_positive(values["BOARD_WAIT"]):
        raise BootwrightError(f"BOARD_WAIT={values['BOARD_WAIT']} is no number of seconds")
    if not re.match(r"(size=)?(?=[\d.]*[1-9])\d+(\.\d+)?[bkmgt]?(,|$)", values["MEMORY"], re.IGNORECASE):
        hint = "a number with k, M or G behind it, as in MEMORY=256M"
        raise BootwrightError(f"MEMORY={values['MEMORY']} is no size that QEMU takes", hint)
    values["TARGETWORD"] = resolve_target(values.pop("TARGET"), os.environ)
    if profile := values["PROFILE"]:
        if "VARIANT" in given:
            raise BootwrightError(f"PROFILE={profile} and VARIANT={given['VARIANT']}: one of them says the profile")
        if not re.fullmatch(r"[A-Za-z][\w-]*", profile):
            raise BootwrightError(f"PROFILE={profile} is no name of a profile")
        values["VARIANT"] = {"dev": "debug"}.get(profile, profile)
    return values


_in_files: dict[str, project_file.Word] = {}


def said_anywhere() -> dict[str, str]:
    """Returns the variables that were said: on the command line, else in the kernel's files."""
    return {**{name: word.value for name, word in _in_files.items()}, **ARGUMENTS}


def places_of_words() -> dict[str, str]:
    """Returns the value of each variable that was said, with where: for people."""
    told = {name: f"{word.value or 'the default'}, from {word.place}" for name, word in _in_files.items()}
    by_hand = {name: f"{value or 'the default'}, from the command line" for name, value in ARGUMENTS.items()}
    return told | {name: place for name, place in by_hand.items() if name != "KERNEL"}  # which sconsw says as well


def check_words(wanted: Sequence[str], words: Mapping[str, str]) -> None:
    """Raises for a word on the command line that is no alias and, without a dot or a slash, no file either.

    Raises too where the targets and the variables do not go together, before anything is built.
    """
    for name in wanted:
        if name not in BY_WORD and not any(c in name for c in "./\\"):
            from bootwright.graph.pages import subjects
            from bootwright.setup.meant import meant_target

            if name == HELP:
                hint = f"did you mean `scons help {' '.join(word for word in wanted if word != HELP)}`?"
                raise BootwrightError(f"{' '.join(wanted)}: help comes first", hint)
            raise BootwrightError(f"there is no target {name}", meant_target(name, [*BY_WORD, HELP], subjects()))
    asked = [BY_WORD[name] for name in dict.fromkeys(wanted) if name in BY_WORD]
    starters = [verb.word for verb in asked if verb.starts]
    if len(starters) > 1:
        raise BootwrightError(f"{' and '.join(starters)}: only one of these at a time")
    taken.check_taken(wanted, said(words), bool(GetOption("clean")))
    defaults = {v.name: v.default for v in VARIABLES}
    unused = taken.OF_VIRTUAL if said_anywhere().get("BOARD") else ()  # as by a word that has no use for them
    in_files = {n: word.value for n, word in _in_files.items() if word.value != defaults[n] and n not in unused}
    taken.check_together(wanted, {**in_files, **said(words)})
    if GetOption("json") and "test" in wanted and not GetOption("list"):
        raise BootwrightError("--json is for `scons test --list`", "--junit=FILE writes what the tests said")
    for verb in asked:
        if verb.one_kernel and words["VARIANT"] == "all" and not verb.is_idle(list(filter(words.get, words))):
            hint = "say VARIANT=debug or VARIANT=release"
            raise BootwrightError(f"VARIANT=all: `scons {verb.word}` takes one kernel", hint)


def build_directory(words: Mapping[str, str], home: Path, launch: Path, wanted: Sequence[str]) -> Path:
    """Returns where all is made: BUILD=, else build/ of the checkout; of the package, where bootwright is installed."""
    place = Path(launch, words["BUILD"]) if words["BUILD"] else home / "build"
    if INSTALLED and not words["BUILD"]:
        kernel, given = Path(launch, words["KERNEL"]), list(filter(words.get, words))
        told = [word for word in wanted if word in BY_WORD and BY_WORD[word].tells and BY_WORD[word].is_idle(given)]
        # What is about no kernel, such as the list of disks, still has its lock and its memory.
        nowhere = not words["KERNEL"] or not kernel.is_dir() or (wanted and len(told) == len(wanted))
        place = Path(cache_directory(), WORK) if nowhere else kernel / "build"
    path = Path(os.path.abspath(place))  # noqa: PTH100  # links stay, as they do in names of kernels
    if "$" in str(path):
        raise BootwrightError(f"{path} {DOLLAR}", "BUILD= names another")
    return path


def said(words: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that were said and are not their default, and the switches with their dashes."""
    switches = {name: "" for name in taken.SWITCHES if name not in OF_SCONSW and GetOption(name.lstrip("-"))}
    names = {v.name: "TARGETWORD" if v.name == "TARGET" else v.name for v in VARIABLES if v.name in ARGUMENTS}
    defaults = {v.name: v.default for v in VARIABLES}
    return {name: words[key] for name, key in names.items() if words[key] != defaults[name]} | switches


def is_ours(build: Path, home: Path) -> bool:
    """Tells whether nobody but bootwright has a reason to write in the directory build, so that it needs no mark."""
    return build in (home / "build", Path(cache_directory(), WORK))


def check_kernel(directory: Path, given: bool) -> None:
    """Raises where there is no kernel to build: nobody named one (given), and an installation has no example."""
    if not given and not (directory / "Cargo.toml").is_file():
        raise BootwrightError(
            "there is no Cargo.toml here or in a directory above, so there is no kernel to build",
            "`bootwright new NAME` makes one; KERNEL= names the directory of another",
        )
    if "$" in str(directory):
        raise BootwrightError(f"{directory} {DOLLAR}", "rename or move the directory")


def shared_cache(words: Mapping[str, str]) -> Cache | None:
    """Returns the cache that CACHE= names."""
    if not words["CACHE"]:
        return None
    try:
        from bootwright.graph.cached import open_cache  # who shares nothing does not pay for it
    except ModuleNotFoundError as error:
        raise BootwrightError(f"CACHE= needs the package {error.name}, which {sys.executable} has not") from error
    return open_cache(words, bool(GetOption("explain")))


def check_files(wanted: Sequence[str], env: Any) -> None:
    """Raises for a file on the command line that the graph, now complete, does not make."""
    for name in wanted:
        if any(c in name for c in "./\\") and not env.fs.Entry(name).has_builder():
            raise BootwrightError(f"there is no target {name}", "scons without a target makes all files of the kernel")


def check_outputs(env: Any, build: Path) -> None:
    """Raises for a file that the graph makes outside of build, or under too long a name, before SCons touches it.

    SCons removes an old output before its action begins, and names come from other people's manifests.
    """
    below = f"{build}{os.sep}"
    for root in env.fs.Root.values():
        for path, node in root._lookupDict.items():
            if not isinstance(node, File) or not node.has_builder():
                continue
            if not str(node.abspath).startswith(below):
                raise BootwrightError(f"{node.abspath} would be made, which does not lie in {build}")
            if max(map(len, os.fsencode(path).split(b"/"))) > LONGEST_OUTPUT:
                long = max(path.split("/"), key=len)
                words = f"{long[:40]}... would be the name of an output, of {len(os.fsencode(long))} bytes"
                raise BootwrightError(f"{words}; the limit is {LONGEST_OUTPUT}", "a shorter name in Cargo.toml does")


def is_fast(default: bool, board: Board | None = None) -> bool:
    """Says which lane a machine takes: --fast, --full, or what the target does by default; a board has no lanes."""
    fast, full = bool(GetOption("fast")), bool(GetOption("full"))
    if GetOption("cd"):
        if board is not None and not board.is_pc:
            raise BootwrightError(f"--cd is for x86-64 kernels: {board.name} starts from an ELF")
        if fast:
            raise BootwrightError("--fast starts the kernel without a disk, and --cd boots one")
    if said_anywhere().get("BOARD"):
        if board is not None and not board.is_pc:
            raise BootwrightError(f"BOARD= gets a disk's image, and {board.name} starts from an ELF")
        return False
    firmware = said_anywhere().get("FIRMWARE") or "bios"
    if firmware != "bios":
        if board is not None and not board.is_pc:
            raise BootwrightError(f"FIRMWARE={firmware} is for x86-64 kernels: {board.name} has none")
        if fast:
            raise BootwrightError(f"--fast starts the kernel without a firmware, and FIRMWARE={firmware} names one")
        return False
    if (fast or full) and board is not None and not board.is_pc:
        word = "--fast" if fast else "--full"
        raise BootwrightError(f"{word} is for x86-64 kernels: {board.name} has one way in, QEMU loads the ELF")
    if fast and full:
        raise BootwrightError("--fast and --full exclude each other", "without either, run boots the image, test not")
    return fast or (default and not full)


def builds(wanted: Sequence[str], words: Mapping[str, str]) -> bool:
    """Tells whether the targets, or scons without one, need the kernel's graph."""
    given = list(filter(words.get, words))
    return not wanted or any(name not in BY_WORD or not BY_WORD[name].is_idle(given) for name in wanted)


def add_verbs(env: Any, words: Mapping[str, str], kernels: Sequence[KernelNodes]) -> None:
    """Adds the words that are wanted, each by its Tool's method; where a file is, all of which one may make it.

    Those that are about the kernels are added where these were.
    """
    from bootwright.graph.nodes import only  # a build that is answered before it has a graph does not pay for it

    given = list(filter(words.get, words))
    wanted = [] if GetOption("clean") else COMMAND_LINE_TARGETS
    a_file = any(word not in BY_WORD for word in wanted)
    for verb in VERBS:
        asked = verb.word in wanted and verb.word in FOR_MACHINES and not verb.is_idle(given)
        if asked and (verb.word != "run" or not kernels[0].host):  # a program for a host may run here
            only(verb.word, kernels[:1])  # what has no machine is told before a core is compiled for it
        may_be = verb.word in wanted or (a_file and not verb.own_graph)
        if verb.method and (kernels or verb.is_idle(given)) and may_be:
            getattr(env, verb.method)(verb.word, kernels)


def asked_machine(env: Any) -> CommandLine:
    """Returns what the person said about the machine."""
    from bootwright.machine.options import split_flags
    from bootwright.run.settings import CommandLine

    return CommandLine(
        qemu=env["QEMU"] or None,
        flags=split_flags(env["QEMUFLAGS"]),
        memory=env["MEMORY"],
        memory_given="MEMORY" in said_anywhere(),
        firmware=env["FIRMWARE"],
        certificate=Path(env["LAUNCH"], env["SIGN_CERT"]).resolve() if env["SIGN_CERT"] else None,
        cd=bool(GetOption("cd")),
        timeout=float(env["TIMEOUT"]) if env["TIMEOUT"] else None,
        headless=bool(GetOption("headless")),
        raw=env["RAW"] == "1",
        serial=Path(env["LAUNCH"], env["SERIAL"]) if env["SERIAL"] else None,
        place=env["BOARD"],
        place_wait=float(env["BOARD_WAIT"]),
    )


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
