"""The Tool for rustc: a library crate, a freestanding program, an object.

Builders: RustLibrary (libNAME.rlib), RustProgram (NAME.elf and NAME.map), RustObject (NAME.o). source[0] is the crate
root; the emitter adds every file of its directory, and everything in RUSTINPUTS. The crate is compiled in a scratch
directory beside its target and renamed; whatever rustc or the linker read must be a source, else the action fails.

Sets, unless set before:
    RUSTC RUSTFLAGS RUSTCRATENAME RUSTEDITION RUSTTARGET RUSTSYSROOT RUSTPROFILEFLAGS RUSTREMAP
    RUSTLINKER RUSTLINKFLAGS RUSTLINKINPUTS (nodes) for programs alone; RUSTLIBS (.rlib nodes) RUSTINPUTS (nodes)
    RUSTCWD (where rustc runs; its diagnostics name files from there) RUSTENV (its environment) RUSTENVDECLARED
    RUSTHISTORY (a directory in which the last two builds of a program are kept, for `scons size`; "" for none)
    RUSTTOOLCHAIN (directories that rustc may read unseen) RUSTTOOLCHAINNODES (nodes that stand for the toolchain)
    RUSTABSENT (crates that the manifest names and that are not compiled) RUSTLACKING (the manifest's profiles that
    lack panic = "abort"): what the line under an error depends on
    RUSTDIRECTORIES (environment variables that name an empty directory)
Sets: RUSTBUILDER, a function that makes such a Builder, and RUSTPROGRAM, a program's emitter, for other Tools.
Uses: RUSTCOM, RUSTCOMSTR.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.base import atomic, storage_space
from bootwright.base.errors import BootwrightError
from bootwright.cargo.sources import crate_files
from bootwright.graph.session import action, modules, session, tell
from bootwright.rust import rustc

COMMAND = (
    "$RUSTC --crate-name $RUSTCRATENAME --crate-type $RUSTCRATETYPE --edition $RUSTEDITION $_RUSTTARGET"
    " $( $_RUSTSYSROOT $) $RUSTPROFILEFLAGS $RUSTFLAGS $( $RUSTREMAP $) $_RUSTLINK"
    " $( $_RUSTEXTERNS $) --out-dir $RUSTOUTDIR --emit=$RUSTEMIT $RUSTROOT"
)
MODULES = ("rust/rustc", "rust/assembled", "base/atomic", "base/procs", "base/storage_space")


def compile_crate(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Compiles source[0] into target, and audits what was read."""
    first = Path(target[0].abspath)
    cwd = Path(env.subst("$RUSTCWD"))
    with atomic.new_directory(first) as scratch:
        own = env.Override({"RUSTOUTDIR": [str(scratch)]})
        argv = [str(word) for word in own.subst_list("$RUSTCOM", target=target, source=source)[0]]
        argv += rustc.JSON_FLAGS
        directories = dict.fromkeys(["TMPDIR", *env["RUSTDIRECTORIES"]], str(scratch))
        environment = {**env["ENV"], **env["RUSTENV"], **directories}
        outcome = rustc.run_rustc(argv, cwd, environment, session().show, sys.stderr.isatty())
        if outcome.status:
            shown = [word.replace(str(scratch), str(first.parent)) for word in argv if word not in rustc.JSON_FLAGS]
            shown = ["env", "RUSTC_BOOTSTRAP=1", *shown] if "RUSTC_BOOTSTRAP" in env["RUSTENV"] else shown
            said = "\n".join(diagnostic.text for diagnostic in outcome.said)
            if storage_space.is_full(said, scratch):
                crate = env.subst("$RUSTCRATENAME")
                raise BootwrightError(
                    storage_space.full(first, f"{crate} cannot be written"), "free some, then run scons"
                )
            _explain(outcome, source, env)
            raise rustc.compile_error(outcome, env.subst("$RUSTCRATENAME"), shown, cwd)
        rustc.check_reads(scratch, cwd, _declared(source), _toolchain_roots(env), env["RUSTENVDECLARED"])
        linker_map = scratch / f"{first.stem}.map"
        if linker_map.exists():
            linked = [*env["RUSTLIBS"], *env["RUSTLINKINPUTS"]]
            places = [scratch, *(Path(node.abspath).parent for node in linked), *_toolchain_roots(env)]
            linker_map.write_text(rustc.normalise_map(linker_map.read_text("utf-8"), places), encoding="utf-8")
        for node in target:
            (scratch / node.name).replace(node.abspath)
    if env["RUSTHISTORY"]:
        from bootwright.elf.sizes import keep_build

        keep_build(first, Path(env["RUSTHISTORY"]))


def _explain(outcome: rustc.Outcome, source: list[Entry], env: Environment) -> None:
    """Tells in one line what the error means here and what to do, if the catalogue knows it."""
    from bootwright.rust.explain import Situation  # 2 ms that a build without an error does not pay
    from bootwright.rust.explanations import find

    target, main = Path(env["RUSTTARGET"]).name.removesuffix(".json"), _root([], source, env, False)[0]
    _, line = find(
        outcome.said, Situation(env["RUSTEDITION"], target, main, tuple(env["RUSTLACKING"]), tuple(env["RUSTABSENT"]))
    )
    if line:
        tell(line)


def _declared(source: list[Entry]) -> set[Path]:
    return {Path(node.srcnode().abspath) for node in source}


def _toolchain_roots(env: Environment) -> list[Path]:
    return [Path(root) for root in (env["RUSTSYSROOT"], *env["RUSTTOOLCHAIN"]) if root]


def _emit(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
    root = Path(source[0].srcnode().abspath)
    files = [env.fs.File(str(path)) for path in crate_files(root) if path != root]
    inputs = [*source, *files, *env["RUSTINPUTS"], *env["RUSTLIBS"]]
    # SCons compares contents; a file that was renamed has the same, and another name to rustc.
    names = env.Value("\n".join(_names(inputs, f"{root.parent}{os.sep}")))
    env.Depends(target, [names, *modules(env, *MODULES), *env["RUSTTOOLCHAINNODES"]])
    return target, inputs


def _names(nodes: list[Entry], directory: str) -> list[str]:
    """Returns the nodes' paths from directory, which ends with a separator; most lie in it, and relpath is slow."""
    paths = [node.srcnode().abspath for node in nodes]
    return [p.removeprefix(directory) if p.startswith(directory) else os.path.relpath(p, directory) for p in paths]


def _emit_program(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
    target, source = _emit([target[0], target[0].target_from_source("", ".map")], source, env)
    return target, [*source, *env["RUSTLINKINPUTS"]]


def _root(target: list[Entry], source: list[Entry], env: Environment, for_signature: bool) -> list[str]:
    """Returns the crate root as rustc is to see it, so that file!() and panics name it as Cargo's do."""
    return [os.path.relpath(source[0].srcnode().abspath, env.subst("$RUSTCWD")).replace(os.sep, "/")] if source else []


def _externs(target: list[Entry], source: list[Entry], env: Environment, for_signature: bool) -> list[str]:
    words = []
    for library in env["RUSTLIBS"]:
        name = library.name.removeprefix("lib").removesuffix(".rlib")
        words += ["--extern", f"{name}={library.abspath}"]
    return words


def _flag(option: str, variable: str, joint: str = "") -> Any:
    """Returns a variable that expands to option and the value of variable, or to nothing where that is empty."""

    def words(target: list[Entry], source: list[Entry], env: Environment, for_signature: bool) -> list[str]:
        value = env[variable]
        return [option, f"{joint}{value}"] if value else []

    return words


def generate(env: Environment) -> None:
    """Adds the Builders; every variable that the user set stays."""
    env.SetDefault(
        RUSTC=["rustc"], RUSTFLAGS=[], RUSTCRATENAME="${TARGET.filebase}", RUSTEDITION="2024", RUSTTARGET="",
        RUSTSYSROOT="", RUSTTOOLCHAIN=[], RUSTTOOLCHAINNODES=[], RUSTPROFILEFLAGS=[], RUSTREMAP=[], RUSTLINKER="",
        RUSTLINKFLAGS=[], RUSTLINKINPUTS=[], RUSTLIBS=[], RUSTINPUTS=[],
        RUSTCWD="${SOURCE.srcnode().dir.abspath}", RUSTENV={}, RUSTENVDECLARED=[],
        RUSTABSENT=[], RUSTLACKING=[], RUSTDIRECTORIES=[], RUSTHISTORY="", RUSTOUTDIR="${TARGET.dir}", RUSTCOM=COMMAND,
        RUSTROOT=_root,
        RUSTSHORT="rustc    $TARGETS",
    )  # fmt: skip
    env["_RUSTTARGET"] = _flag("--target", "RUSTTARGET")
    env["_RUSTSYSROOT"] = _flag("--sysroot", "RUSTSYSROOT")
    env["_RUSTLINKER"] = _flag("-C", "RUSTLINKER", "linker=")
    env["_RUSTEXTERNS"] = _externs
    compile_action = action(compile_crate, "RUSTCOM", ["RUSTENV", "RUSTENVDECLARED", "RUSTDIRECTORIES"])

    def builder(crate_type: str, kind: str, suffix: str, emitter: Any, *then: Any) -> Any:
        emit = f"dep-info=$RUSTOUTDIR/crate.d,{kind}=$RUSTOUTDIR/$TARGET.file"
        link = "$( $_RUSTLINKER $) $RUSTLINKFLAGS" if crate_type == "bin" else ""
        return Builder(
            action=[compile_action, *then], suffix=suffix, emitter=emitter, target_factory=env.fs.File,
            source_factory=env.fs.File, RUSTCRATETYPE=crate_type, RUSTEMIT=[emit], _RUSTLINK=link,
        )  # fmt: skip

    env["RUSTBUILDER"], env["RUSTPROGRAM"] = builder, _emit_program
    env["BUILDERS"]["RustLibrary"] = builder("lib", "link", ".rlib", _emit)
    env["BUILDERS"]["RustProgram"] = builder("bin", "link", ".elf", _emit_program)
    env["BUILDERS"]["RustObject"] = builder("lib", "obj", ".o", _emit)


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up; what is missing is said when a Builder is used."""
    return True
