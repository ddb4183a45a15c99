"""What a search for a compiler can miss, as values: setup.cures has the command that brings each."""

from __future__ import annotations

from pathlib import Path

from bootwright.base.records import record
from bootwright.rust.toolchain import Toolchain


@record(frozen=True)
class LackOfRustc:
    """There is no rustc."""


@record(frozen=True)
class OldRustc:
    """This rustc is older than the oldest that is supported."""

    rustc: Path


@record(frozen=True)
class LackOfCore:
    """The toolchain has no core for target, nor what it is built from; source is library.what_source_lacks's word."""

    toolchain: Toolchain
    target: str
    source: str


@record(frozen=True)
class LackOfLlvmTool:
    """There is no such tool (llvm_tools.find_llvm_tool's name) of the toolchain's LLVM."""

    toolchain: Toolchain
    name: str
