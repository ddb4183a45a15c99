"""The Tool for core, alloc and compiler_builtins of a target.

Builders: Sysroot (build/sysroot/KEY/manifest: the names and SHA-256 of the rlibs that the per-user store holds under
SYSROOTKEY) and TargetSpec (the migrated copy of a user's JSON; source: its text as a Value).
Method: env.Core(target) -> nodes.Core, which says what rustc needs for that target, and adds those nodes where they are
needed. Sets: SYSROOTCOM SPECCOM, unless set before. Uses: BOOTWRIGHT (the programs of this build), BUILD, UNSTABLE.
"""

from __future__ import annotations

import sys
from pathlib import Path

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.base import atomic
from bootwright.base.records import replace
from bootwright.graph.actions import action, check_inputs, modules
from bootwright.graph.nodes import Core
from bootwright.graph.sentences import tell
from bootwright.rust.recipe import sysroot_key
from bootwright.rust.targets import Target
from bootwright.rust.toolchain import find_rust_src, has_core
from bootwright.storage.store import Store

MODULES = (
    "rust/sysroot", "rust/recipe", "rust/command", "rust/library", "base/atomic", "base/counting", "base/procs",
    "base/records", "base/storage_space",
)  # fmt: skip
BOOTSTRAP = {"RUSTC_BOOTSTRAP": "1"}
BOOTSTRAP_NOTE = "RUSTC_BOOTSTRAP=1 is set for {}, which rustc has no stable interface for"
YOURS_IS_STABLE = "; your code stays on stable where it asks for no more"
# A specification is named to rustc for each crate, and with it goes what would refuse the attribute.
YOURS_IS_NOT = "; it lets #![feature] in your code through, too"


def build_core(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Takes the sysroot SYSROOTKEY from the store, or builds it there, and writes its manifest."""
    from bootwright.base.counting import Counting
    from bootwright.rust import sysroot

    toolchain, name = env["BOOTWRIGHT"].toolchain, env["SYSROOTTARGET"]
    spec = Path(source[0].abspath) if source else None

    def build(out: Path) -> None:
        stays = not spec and env["UNSTABLE"] != "1"
        tell(BOOTSTRAP_NOTE.format(f"core of {name}") + (YOURS_IS_STABLE if stays else ""))
        counting = Counting(sys.stderr if sys.stderr.isatty() else None, "compiling")
        counting.begin(f"core of {name}")

        def say(line: str) -> None:
            counting.hide()
            tell(line)

        try:
            sysroot.build_sysroot(toolchain, name, spec, find_rust_src(toolchain), out, say)
        finally:
            counting.close()
        check_inputs(target)

    made = Store(cache=env["SHAREDCACHE"]).take_or_build("sysroot", env["SYSROOTKEY"], build, tell)
    with atomic.new_file(Path(target[0].abspath)) as manifest:
        manifest.write_text(sysroot.manifest_text(made), encoding="utf-8")


def write_spec(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Writes the migrated specification and names each change."""
    tell(BOOTSTRAP_NOTE.format(f"the specification {env['SPECNAME']}") + YOURS_IS_NOT)
    for change in env["SPECCHANGES"]:
        tell(f"{env['SPECNAME']}: {change}")
    with atomic.new_file(Path(target[0].abspath)) as spec:
        spec.write_text(source[0].read(), encoding="utf-8")


def add_core(env: Environment, target: Target) -> Core:
    """Adds what target needs before a crate can be compiled for it."""
    toolchain = env["BOOTWRIGHT"].toolchain
    if target.spec is None:
        x86_64 = target.name.startswith("x86_64")
        if has_core(toolchain, target.name):
            return Core(target.name, target.name, x86_64=x86_64)
        return _from_source(env, target.name, target.name, [], target.name, x86_64, {}, [])
    from bootwright.rust import migrate as targetspec  # a built-in target does not pay for it
    from bootwright.rust.linker_words import take_linker_words

    original = targetspec.read_spec_text(target.spec)
    migrated = targetspec.migrate_spec(original, toolchain, target.spec)
    scripts: list[Path] = []

    def keep(script: str) -> Path:
        scripts.append(targetspec.keep_text(script, f"{target.name}.ld"))
        return scripts[-1]

    text, link = take_linker_words(migrated.text if migrated.changes else original, keep)
    path = f"{env['BUILD']}/spec/{target.name}.json"
    spec = env.TargetSpec(path, env.Value(text), SPECCHANGES=migrated.changes, SPECNAME=str(target.spec))
    as_it_is = target.spec.read_bytes() == text.encode()  # cargo's hashes hold its path
    word = str(target.spec if as_it_is else targetspec.keep_text(text, f"{target.name}.json"))
    core = _from_source(
        env, target.name, word, spec, text, migrated.arch == "x86_64", BOOTSTRAP, ["-Zunstable-options"]
    )
    return replace(core, link=link, scripts=tuple(scripts))


def _from_source(
    env: Environment, name: str, word: str, spec: list[Entry], key_text: str, x86_64: bool,
    environment: dict[str, str], flags: list[str],
) -> Core:  # fmt: skip
    toolchain = env["BOOTWRIGHT"].toolchain
    key = sysroot_key(toolchain, key_text, find_rust_src(toolchain), name if spec else "")
    known = env.fs.File(f"{env['BUILD']}/sysroot/{key}/manifest")  # two linkers of one host share it
    manifest = [known] if known.has_builder() else env.Sysroot(known, spec, SYSROOTKEY=key, SYSROOTTARGET=name)
    directory = Store().path("sysroot", key)
    return Core(name, word, directory, [*spec, *manifest], dict(environment), flags, x86_64)


def _emit(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
    env.Depends(
        target,
        [
            *modules(env, *MODULES),
            env.Value(env["SYSROOTKEY"]),
        ],
    )
    if not Store().has("sysroot", env["SYSROOTKEY"]):
        env.AlwaysBuild(target)
    return target, source


def generate(env: Environment) -> None:
    """Adds the Builders and the method."""
    env.SetDefault(
        SYSROOTCOM="sysroot $SYSROOTTARGET $SYSROOTKEY", SYSROOTSHORT="core     $SYSROOTTARGET",
        SPECCOM="migrate $SPECNAME to $TARGET", SPECSHORT="spec     $TARGET",
    )  # fmt: skip
    env["BUILDERS"]["Sysroot"] = Builder(action=action(build_core, "SYSROOTCOM", []), emitter=_emit)
    env["BUILDERS"]["TargetSpec"] = Builder(action=action(write_spec, "SPECCOM", []), source_factory=env.Value)
    env.AddMethod(add_core, "Core")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
