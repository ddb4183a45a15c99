"""The Tool for the image under another name and in other forms: `scons iso`, `scons vm` and `scons pxe`.

Builder: ImageForm (target: NAME.iso, .qcow2, .vdi or .vmdk; source: NAME.img).
Builder: Served (target: what a TFTP server is asked for; source: the file that it is).
Methods: env.IsoImages(alias, kernels), env.MachineDisks(alias, kernels), env.NetworkFolders(alias, kernels);
env.ServedFiles(kernel), what such a server gives for one kernel.
Sets: FORMCOM, unless set before. Uses: BUILD.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry
from SCons.Script import COMMAND_LINE_TARGETS

from bootwright.base import atomic
from bootwright.graph.actions import action, modules
from bootwright.graph.nodes import KernelNodes, only
from bootwright.loader import crates

MODULES = (
    "image/blocks", "image/guid", "image/layout", "image/qcow2", "image/vdi", "image/vmdk", "base/atomic", "base/sizes",
)  # fmt: skip
CD = (".iso",)
VIRTUAL = (".qcow2", ".vdi", ".vmdk")


def make_form(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Writes the image in the form that the target's name says."""
    from bootwright.image import blocks, qcow2, vdi, vmdk

    image, made = Path(source[0].abspath), Path(target[0].abspath)
    with atomic.new_file(made) as path:
        match made.suffix:
            case ".qcow2":
                qcow2.write_qcow2(image, path)
            case ".vdi":
                vdi.write_vdi(image, path)
            case ".vmdk":
                vmdk.write_vmdk(image, path, made.name)
            case _:
                # No link: a second name would be a change of the file that other actions read.
                blocks.copy_sparse(image, path)


def _emit(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
    env.Depends(target, modules(env, *MODULES))
    return target, source


def _add(env: Environment, name: str, kernels: Sequence[KernelNodes], suffixes: Sequence[str]) -> None:
    if name in COMMAND_LINE_TARGETS:
        for kernel in kernels:
            only(name, [kernel])  # which says why a kernel has no disk
    images = [kernel.image for kernel in kernels if kernel.image]
    stems = [(str(image).removesuffix(".img"), image) for image in images]
    env.Alias(name, [env.ImageForm(f"{stem}{suffix}", image) for suffix in suffixes for stem, image in stems])


def add_isos(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds each kernel's NAME.iso, and the alias that makes them."""
    _add(env, name, kernels, CD)


def add_disks(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds each kernel's disks for virtual machines, and the alias that makes them."""
    _add(env, name, kernels, VIRTUAL)


def copy_served(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Copies a file, as it is."""
    with atomic.new_file(Path(target[0].abspath)) as path:
        shutil.copyfile(source[0].abspath, path)


def add_served(env: Environment, kernel: KernelNodes) -> list[Entry]:
    """Returns what a TFTP server gives, in a folder beside the image: .pxe and .kernel for a BIOS, .efi for UEFI."""
    assert kernel.image is not None, "it has a disk"
    place = str(crates.served_path(Path(str(kernel.image))))
    efi, network = (env.File(f"{env['BUILD']}/loader/{file}") for file in crates.FILES[-2:])
    files = [*env.Served(f"{place}.pxe", network), *env.Served(f"{place}.kernel", kernel.kernel)]
    return [*files, env.EfiProgram(place, efi, kernel, inside=True)]


def add_folders(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds each kernel's folder for a TFTP server."""
    made = []
    for kernel in kernels:
        if name in COMMAND_LINE_TARGETS:
            only(name, [kernel])
        if kernel.image is not None:
            made += add_served(env, kernel)
    env.Alias(name, made)


def generate(env: Environment) -> None:
    """Adds the Builder and the methods."""
    env.SetDefault(FORMCOM="image $TARGET", FORMSHORT="image    $TARGET")
    made = action(make_form, "FORMCOM", [])
    env["BUILDERS"]["ImageForm"] = Builder(action=made, emitter=_emit, single_source=True)
    env["BUILDERS"]["Served"] = Builder(action=action(copy_served, "FORMCOM", []), emitter=_emit, single_source=True)
    env.AddMethod(add_served, "ServedFiles")
    env.AddMethod(add_folders, "NetworkFolders")
    env.AddMethod(add_isos, "IsoImages")
    env.AddMethod(add_disks, "MachineDisks")


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
