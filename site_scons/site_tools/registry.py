"""The Tool for images with names: `scons push` and `scons pull`, with IMAGE=registry/name:tag.

Methods: env.PushImage(alias, kernels), env.PullImage(alias, kernels). Builder: BillOfMaterials (NAME.cdx.json, the
packages that the kernel is made of). Uses: IMAGE BUILD. Both talk to the registry after SCons wrote its signatures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import COMMAND_LINE_TARGETS

from bootwright.base import atomic
from bootwright.graph.actions import action, record
from bootwright.graph.nodes import KernelNodes, only
from bootwright.graph.sentences import tell


def write_bill(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Writes the bill of materials that source is."""
    with atomic.new_file(Path(target[0].abspath)) as path:
        path.write_text(source[0].get_text_contents(), encoding="utf-8", newline="\n")


def add_push(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that puts image, ELF, build id and bill of materials of a kernel into a registry."""
    if name not in COMMAND_LINE_TARGETS:
        return
    from bootwright.cargo import bill as bills
    from bootwright.storage import registry
    from bootwright.storage.image_name import read_address

    address = read_address(env["IMAGE"])
    registry.check_packages(address)
    kernel = only(name, kernels)
    assert kernel.planned is not None, "it is a kernel's own"
    text = bills.write_bill(kernel.planned, kernel.release, registry.EXTRA, loader=kernel.image is not None)
    bill = env.BillOfMaterials(str(kernel.elf).removesuffix(".elf") + ".cdx.json", env.Value(text))
    pieces = [
        registry.Piece(Path(node.abspath), f"application/vnd.bootwright.{kind}.v1+zstd")
        for kind, node in (("image", kernel.image), ("elf", kernel.elf)) if node is not None
    ]  # fmt: skip
    pieces.append(registry.Piece(Path(bill[0].abspath), "application/vnd.cyclonedx+json", packed=False))

    def start() -> int:
        from bootwright.image.kernel_file import read_build_id

        assert kernel.kernel is not None, "only() looked"
        build_id = read_build_id(Path(kernel.kernel.abspath)).hex()
        facts = {"build-id": build_id, "name": kernel.name, "target": kernel.target, "variant": kernel.variant}
        there = registry.push(address, facts, pieces)
        tell(f"build id {build_id}; IMAGE={address.word} is {there}")
        return 0

    record(env, name, [*kernel.final, *bill], start)


def add_pull(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that brings the files of a kernel out of a registry."""
    if name not in COMMAND_LINE_TARGETS:
        return
    from bootwright.storage import registry
    from bootwright.storage.image_name import read_address

    address = read_address(env["IMAGE"])
    registry.check_packages(address)

    def start() -> int:
        directory, there = registry.pull(address, Path(env["BUILD"], "pulled"))
        names = ", ".join(sorted(path.name for path in directory.iterdir()))
        tell(f"{there}\n  {directory} has {names}")
        return 0

    record(env, name, [], start)


def generate(env: Environment) -> None:
    """Adds the Builder and the methods."""
    env.SetDefault(BILLCOM="list the packages of $SOURCE in $TARGET", BILLSHORT="bill     $TARGET")
    made = action(write_bill, "BILLCOM", [])
    env["BUILDERS"]["BillOfMaterials"] = Builder(action=made)
    env.AddMethod(add_push, "PushImage")
    env.AddMethod(add_pull, "PullImage")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up; a missing package is said when it is used."""
    return True
