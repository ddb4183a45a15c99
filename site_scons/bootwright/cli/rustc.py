"""`bootwright-rustc RUSTC ARGS`: rustc for cargo and editors, with what a distribution's lacks for bare metal.

As build.rustc-wrapper in .cargo/config.toml it has plain `cargo build`, `check` and `test` work for a built-in bare
target with a compiler that has no core for it, or no rust-lld, as Debian's: core comes from the store, where it is made
of the library's sources once, and LLVM's linker from where a build finds it. Programs for a specification get that
linker where they name rust-lld; their core is build-std's. A compiler that has both is not told anything, nor is one
that compiles for the builder. As build.rustdoc, which is started without a program's name, it does the same for
doctests and `cargo doc`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

OWN = ("--sysroot", "-Clinker", "linker=")  # words by which a person has chosen these
MEMORY = "cargo.json"  # in the store's directory
FORMAT = "cargo 1"
RUSTDOC = "rustdoc"
LLD = "rust-lld"


def main() -> int:
    """Becomes rustc; returns where a process cannot."""
    words = sys.argv[1:]
    if not words:
        sys.stderr.write("usage: bootwright-rustc RUSTC ARGUMENTS, as build.rustc-wrapper of .cargo/config.toml\n")
        return 2
    if words[0].startswith("-"):
        words.insert(0, RUSTDOC)
    target = target_of(words)
    if _names_rust_lld(target) or target.split("-")[-1] in ("none", "eabi", "eabihf", "elf"):
        words += _more(words, target)
    try:
        if os.name != "nt":
            os.execvp(words[0], words)
        import subprocess

        return subprocess.call(words)
    except OSError as error:
        sys.stderr.write(f"bootwright: {words[0]} cannot be started: {error.strerror}\n")
        return 2


def target_of(words: Sequence[str]) -> str:
    """Returns what --target names, "" for nothing."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--target":
            return following
        if word.startswith("--target="):
            return word.partition("=")[2]
    return ""


def _names_rust_lld(target: str) -> bool:
    """Says whether target is a specification by which rust-lld links."""
    if not target.endswith(".json"):
        return False
    import json

    try:
        with open(target, encoding="utf-8") as file:
            spec = json.load(file)
    except (OSError, ValueError):
        return False  # rustc says so
    flavours = ("ld.lld", "gnu-lld")
    return isinstance(spec, dict) and spec.get("linker-flavor") in flavours and spec.get("linker", LLD) == LLD


def _more(words: Sequence[str], target: str) -> list[str]:
    """Returns the words that this compiler needs besides for target."""
    import pathlib

    from bootwright.base.cache import cache_directory, lack_of_home
    from bootwright.base.errors import BootwrightError
    from bootwright.base.loaded import stamp
    from bootwright.base.remembered import Memory

    if said := lack_of_home():
        sys.stderr.write(f"bootwright: {said}\n")
        return []
    # rust-lld is not chosen by its name: where it is not there, another lld is the same.
    own = [word for word in words if word not in (f"linker={LLD}", f"-Clinker={LLD}")]
    chosen = {name for name in OWN if any(word.startswith(name) for word in own)}
    named = next((word for word in words if os.path.basename(word).startswith("rustc")), words[0])
    program = "rustc" if words[0] == RUSTDOC else named  # the one beside it, of PATH as well
    known = Memory(pathlib.Path(cache_directory(), MEMORY), FORMAT)
    question = f"{program} {target} {os.environ.get('PATH')} {os.environ.get('RUSTUP_TOOLCHAIN')} {os.getcwd()}"
    answer = known.answer(question)
    seen = [stamp(path) for path in answer["files"]] if answer else []
    if not answer or not known.holds(question, seen) or None in seen:
        try:
            sysroot, linker, files = _find(program, target)
        except BootwrightError as error:
            sys.stderr.write(f"bootwright: {error}\n")
            return []
        answer = {"sysroot": sysroot, "linker": linker, "files": files}
        known.keep(question, [stamp(path) for path in files], answer)
        known.write()
    found = [f"--sysroot={answer['sysroot']}"] if answer["sysroot"] and "--sysroot" not in chosen else []
    found += [f"-Clinker={answer['linker']}"] if answer["linker"] and not {*chosen} - {"--sysroot"} else []
    return found


def _find(program: str, target: str) -> tuple[str, str, list[str]]:
    """Returns the sysroot and the linker for target, each "" where rustc needs none, and what the answer depends on."""
    import shutil
    from pathlib import Path

    from bootwright.base.home import HOME
    from bootwright.cli.loaders import take_core
    from bootwright.rust.build_tools import Question, find_tools
    from bootwright.setup import stamp

    stamp.add_private_programs(str(HOME))  # a linker among them, which cargo does not know
    found = shutil.which(program)
    tools = find_tools(Question(Path.cwd(), target, found or program, objcopy=False), os.environ)
    toolchain = tools.toolchain
    core = None if target.endswith(".json") else take_core(toolchain, target, _tell)
    own = toolchain.sysroot / "lib" / "rustlib" / toolchain.host / "bin" / "rust-lld"
    linker = "" if own.exists() or shutil.which("rust-lld") else str(tools.linker or "")
    files = [found or program, str(toolchain.rustc), str(core / "digests") if core else "", linker]
    return str(core or ""), linker, [file for file in files if file]


def _tell(line: str) -> None:
    print(f"bootwright: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
