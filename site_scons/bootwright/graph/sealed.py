"""Units of registries as an earlier run left them: plain files of the graph, while nothing they hang on is another.

SCons takes 2 ms for each unit to find that it is up to date, and an edit of a kernel touches none of them. So a run
that looked at all remembers of each such unit what its node was told, the SHA-256 and the stamp of each of its files,
and the stamps of all else that the node depends on. Where all of that is as it was the unit has no node; its files have
the contents that SCons found, and what SCons recorded of them stays. What is to be done where something is another one
SCons alone says.

A stamp holds the time of the last change of the inode, which cannot be set back; one of this very moment is not trusted
(contents.py says why).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import SCons.Node
from SCons.Node.FS import Entry, File
from SCons.Script import COMMAND_LINE_TARGETS, GetOption

from bootwright.base import loaded
from bootwright.base.loaded import Stamp, stamp
from bootwright.base.remembered import Memory
from bootwright.graph.contents import Contents, inputs_of
from bootwright.setup.verbs import BY_WORD

NAME = "sealed.json"
FORMAT = "sealed 1"
AROUND = ""  # the question about what the units' nodes depend on beside each other


class Sealed:
    """What is remembered in directory, of units below it; contents says which stamps are old enough to be trusted."""

    def __init__(self, directory: Path, contents: Contents) -> None:
        self._memory = Memory(directory / NAME, FORMAT)
        self._contents = contents
        modules = json.dumps(sorted(loaded.noted().items()))
        self._modules = hashlib.sha256(modules.encode(errors="surrogateescape")).hexdigest()
        self._added: dict[str, tuple[str, list[Entry]]] = {}
        around = self._memory.answer(AROUND) if self._memory.holds(AROUND, self._modules) else None
        # Who asks for the graph, or names a file of it, gets all of it.
        whole = GetOption("tree_printers") or any(word not in BY_WORD for word in COMMAND_LINE_TARGETS)
        self._holds = around is not None and not whole and _are_as_they_were(around)

    def has(self, name: str, text: str, files: Sequence[File]) -> bool:
        """Says whether the unit name is as text says it was made, and tells SCons what its files hold."""
        if not self._holds or not self._memory.holds(name, text):
            return False
        known = self._memory.answer(name)
        stamps = [stamp(file.abspath) for file in files]
        if any(_text(now) != known.get(file.abspath, [None])[0] for file, now in zip(files, stamps, strict=True)):
            return False
        for file, now in zip(files, stamps, strict=True):
            assert now, "a file that is not there has another text"
            info = file.get_ninfo()
            info.csig = known[file.abspath][1]
            file.set_state(SCons.Node.up_to_date)  # so that SCons neither asks nor records anything of it
            self._contents.settle(file.abspath, now)
        return True

    def add(self, name: str, text: str, nodes: list[Entry]) -> None:
        """Notes the nodes of a unit that is not sealed."""
        self._added[name] = (text, nodes)

    def keep(self) -> None:
        """Seals the units that are up to date and older than this run. Called where SCons made no error."""
        if not self._added:
            return
        products = {node.abspath for _, nodes in self._added.values() for node in nodes}
        around: dict[str, str] = dict(self._memory.answer(AROUND) or {}) if self._holds else {}
        if not self._holds:
            for name in self._memory.questions():
                self._memory.forget(name)
        is_new = False
        for name, (text, nodes) in self._added.items():
            needs = [node.abspath for node in inputs_of(nodes[0]) if isinstance(node, File)]
            facts = {path: _fact(path) for path in needs if path not in products}
            made = {node.abspath: [_fact(node.abspath), node.get_csig()] for node in nodes if _is_up_to_date(node)}
            if len(made) == len(nodes) and all(map(self._is_old, [*facts, *made])):
                around |= facts
                self._memory.keep(name, text, made)
                is_new = True
        if is_new:
            self._memory.keep(AROUND, self._modules, around)
            self._memory.write()

    def _is_old(self, path: str) -> bool:
        now = stamp(path)
        return now is not None and now[3] < self._contents.before


def _is_up_to_date(node: Entry) -> bool:
    """Says whether SCons found so: with -n it takes for executed what it did not make."""
    return node.get_state() == SCons.Node.up_to_date


def _fact(path: str) -> str:
    return _text(stamp(path))


def _text(found: Stamp | None) -> str:
    return " ".join(map(str, found or ()))


def _are_as_they_were(around: object) -> bool:
    return isinstance(around, dict) and all(_fact(path) == fact for path, fact in around.items())
