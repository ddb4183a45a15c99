"""The loader without SCons: the one that a wheel carries, else the store's, else compiled there.

`python -m bootwright.cli.loaders DIRECTORY` makes the one that a wheel is to carry.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.home import HOME
from bootwright.loader.crates import FILES, TARGET
from bootwright.loader.prebuilt import compiler_words, find_prebuilt, sources_digest, write_list
from bootwright.storage.store import Store

TYPE_CHECKING = False  # typing itself takes 3 ms to import
if TYPE_CHECKING:
    from bootwright.rust.toolchain import Toolchain

Tell = Callable[[str], None]


def find_loader(environ: Mapping[str, str], tell: Tell) -> Path:
    """Returns the directory that holds the loader's files (loader.crates.FILES), made by whichever compiler."""
    found = find_prebuilt()
    if found:
        return found

    def build(out: Path) -> None:
        tell("the boot loader is compiled, once for all kernels")
        _build(environ, out, tell)

    return Store().take_or_build("loader", f"any{sources_digest()[:29]}", build, tell)


def _build(environ: Mapping[str, str], out: Path, tell: Tell) -> str:
    """Compiles the loader into out, with core from its sources where the compiler has none; returns compiler_words."""
    from bootwright.loader.build import build_loader
    from bootwright.rust.build_tools import Question, find_tools

    tools = find_tools(Question(HOME, TARGET, None, objcopy=False), environ)
    toolchain, sysroot = tools.toolchain, take_core(tools.toolchain, TARGET, tell)
    assert tools.linker is not None, "the question names one"
    build_loader(toolchain.rustc, sysroot, tools.linker, HOME, out, tell)
    for path in out.iterdir():
        if path.name not in FILES:
            path.unlink()
    return compiler_words(toolchain.verbose, tools.linker_version)


def take_core(toolchain: Toolchain, target: str, tell: Tell) -> Path | None:
    """Returns the sysroot with core for a built-in target, made where the store has none; None where rustc has core."""
    from bootwright.rust.recipe import sysroot_key
    from bootwright.rust.sysroot import build_sysroot
    from bootwright.rust.toolchain import find_rust_src, has_core

    if has_core(toolchain, target):
        return None
    library = find_rust_src(toolchain)

    def build(made: Path) -> None:
        build_sysroot(toolchain, target, None, library, made, tell)

    return Store().take_or_build("sysroot", sysroot_key(toolchain, target, library), build, tell)


def main() -> int:
    """Makes the loader for a wheel in the directory that is named, which exists and is empty; returns the status."""
    place = Path(sys.argv[1]).absolute()

    def tell(line: str) -> None:
        print(f"bootwright: {line}", file=sys.stderr)

    try:
        write_list(place, _build(os.environ, place, tell))
    except BootwrightError as error:
        tell(str(error))
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
