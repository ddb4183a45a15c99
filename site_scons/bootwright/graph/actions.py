"""The actions of our Builders and aliases: what they read is looked at again, what they raise becomes a sentence."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import SCons.Errors
from SCons.Action import Action, FunctionAction
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry, File
from SCons.Script import Main
from SCons.Util import hash_file_signature

from bootwright.base import children, loaded
from bootwright.base.errors import BootwrightError, Status
from bootwright.base.home import PACKAGE
from bootwright.graph.contents import inputs_of
from bootwright.graph.sentences import sentence_of
from bootwright.graph.session import INTERRUPTED, session

STEP_WIDTH = 9  # columns for what a step is called, before the file that it makes

Function = Callable[[list[Entry], list[Entry], Environment], None]


class Inputs:
    """The files that an action reads: what SCons took them for, and what they were when the action began."""

    def __init__(self, target: Entry, env: Environment) -> None:
        files = [node for node in inputs_of(target) if isinstance(node, File)]
        self._made = target
        self._seen = [(Path(node.abspath), node.get_csig(), loaded.stamp(node.abspath)) for node in files]
        self._programs: Sequence[Path] = env["BOOTWRIGHT"].files if "BOOTWRIGHT" in env else ()

    def check(self) -> None:
        """Raises if one of them is another now, or was in between: what was made of it has no known source."""
        for path, digest, before in self._seen:
            same = before is not None and loaded.stamp(path) == before and not loaded.changed(str(path))
            known = before is not None and session().contents.is_settled(str(path), before)
            if not same or not (known or hash_file_signature(str(path)) == digest):
                raise BootwrightError(f"{path} changed while {self._made} was made of it", "run scons again")
        for path in self._programs:
            if loaded.changed(str(path)):
                raise BootwrightError(f"{path} changed while {self._made} was made with it", "run scons again")


_inputs: dict[Entry, Inputs] = {}  # of the actions that were begun


def action(function: Function, command: str, varlist: Sequence[str]) -> Action:
    """Returns the Action of one of our Builders.

    function writes its targets whole or raises; command names the construction variable with its full form, and
    commandSTR, where it is set, the short one. varlist names every variable that the bytes depend on.
    """

    def act(target: list[Entry], source: list[Entry], env: Environment) -> None:
        inputs = _inputs[target[0]] = Inputs(target[0], env)
        try:
            session().begin(target)
        except BootwrightError as error:
            raise SCons.Errors.BuildError(target[0], str(error), status=error.status, exitstatus=2) from error
        try:
            function(target, source, env)
            inputs.check()
        except BootwrightError as error:
            session().give_up(target)
            why = INTERRUPTED if children.is_ending() else sentence_of(error)
            raise SCons.Errors.BuildError(target[0], why, status=error.status, exitstatus=2) from error
        except OSError as error:
            session().give_up(target)
            name = error.filename or target[0]
            sentence = f"{name}: {error.strerror or error}"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                from bootwright.base import storage_space

                place = Path(target[0].abspath)  # a copy names what it reads, which may lie on another disk
                sentence = storage_space.full(place, f"{place.name} cannot be written")
            raise SCons.Errors.BuildError(target[0], sentence, status=Status.BUILD_ERROR, exitstatus=2) from error

    def show(target: list[Entry], source: list[Entry], env: Environment) -> str:
        short = env.get(f"{command}STR")
        shown = str(env.subst(short if short is not None else f"${command}", target=target, source=source))
        if short is None:
            return shown
        # Of a build directory that is not the checkout's SCons gives whole paths; its place was told.
        build = str(env.get("BUILD", ""))
        label, _, rest = (shown.replace(f"{build}{os.sep}", f"build{os.sep}") if build else shown).partition(" ")
        step = f"{label:<{STEP_WIDTH - 1}} {rest}"
        if sys.stdout.isatty():
            from bootwright.base.folding import fit  # who writes to a file does not pay for it

            step = fit(step, sys.stdout, STEP_WIDTH)
        return step

    return _OwnAction(act, show, [*varlist, command], function.__code__.co_filename)


class _OwnAction(FunctionAction):
    """An Action that SCons takes for another one when the file of the Tool that it is written in is another.

    SCons itself would hash the function's own code, not what it calls in that file; and it would do so for each Action
    as it is made, with all that the function refers to: 1 ms of each build.
    """

    def __init__(self, act: Function, show: Callable[..., str], varlist: Sequence[str], tool: str) -> None:
        super().__init__(_Act(act), {"strfunction": show, "varlist": tuple(varlist)})
        self._tool = tool

    def get_presig(self, target: Any, source: Any, env: Environment, executor: Any = None) -> str:
        """Returns the SHA-256 of the Tool's file."""
        if self._tool not in _digests:
            _digests[self._tool] = hashlib.sha256(Path(self._tool).read_bytes()).hexdigest()
        return _digests[self._tool]


_digests: dict[str, str] = {}  # of the files of Tools


class _Act:
    """What such an Action, or that of an alias, does.

    A class, since SCons hashes a function with all that it refers to, the graph of the kernels included: 60 ms each.
    """

    def __init__(self, act: Function) -> None:
        self._act = act

    def __call__(self, target: list[Entry], source: list[Entry], env: Environment) -> None:
        self._act(target, source, env)


def check_inputs(target: Sequence[Entry]) -> None:
    """Raises if an input of the running action changed: the store keeps what it makes longer than this build does."""
    _inputs[target[0]].check()


def check(env: Environment, name: str, function: Callable[[], None]) -> None:
    """Adds the alias name, which does something while this process still has the build directory; raising fails it."""

    def act(target: list[Entry], source: list[Entry], env: Environment) -> None:
        try:
            function()
        except BootwrightError as error:
            raise SCons.Errors.BuildError(target[0], sentence_of(error), status=error.status, exitstatus=2) from error

    env.AlwaysBuild(env.Alias(name, [], Action(_Act(act), _say_nothing)))


def record(env: Environment, name: str, sources: list[Entry], start: Callable[[], int], anyway: bool = False) -> None:
    """Adds the alias name, which starts something once all is built and SCons has recorded it.

    With anyway it starts too where some of it could not be built; as much as can be is then.
    """
    if anyway:
        session().start_anyway = start
        Main.OptionsParser.values.keep_going = True

    def note(target: list[Entry], source: list[Entry], env: Environment) -> None:
        session().start = start

    env.AlwaysBuild(env.Alias(name, sources, Action(_Act(note), _say_nothing)))


def _say_nothing(target: list[Entry], source: list[Entry], env: Environment) -> str:
    return ""


def modules(env: Environment, *names: str) -> list[Any]:
    """Returns a node that stands for bootwright's modules with these names (a/b for one in a package).

    It is one for all that depend on them: SCons compares it once a target, and not each module.
    """
    name = f"modules of bootwright: {' '.join(names)}"
    found = env.ans.get(name)
    return [found] if found else env.Alias(name, [env.File(str(PACKAGE / f"{module}.py")) for module in names])
