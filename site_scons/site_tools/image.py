"""The Tool that makes a disk of a kernel: NAME.kernel from NAME.elf, NAME.img from the loader and NAME.kernel.

Builders: KernelFile (source: the ELF), SignedProgram (sources: bootx64.efi, NAME.kernel, key, certificate),
NetworkProgram (sources: bootx64.efi, NAME.kernel, which is put into it), DiskImage
(sources: boot_sector.bin, cd_boot.bin, stages.bin, the EFI program, NAME.kernel).
Method: env.EfiProgram(path, efi, kernel, inside): the EFI program for the image or the network, signed or not.
Sets: OBJCOPY KERNELCOM SIGNCOM EMBEDCOM DISKIMAGECOM, unless set before. Uses: RUSTEDITION and KERNELROOT (its crate
root, for sentences), KERNELSETTINGS (image.kernel_file.KernelSettings), IMAGENAME (gives the GUIDs and the partition's
label), ACTIVE (which MBR entry is active), RAMDISK and LAUNCH (a file for kernels of bootloader_api 0.11), PACKAGEROOT
(of boot.json), SIGN SIGN_KEY SIGN_CERT (who signs).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from SCons.Builder import Builder
from SCons.Environment import Base as Environment
from SCons.Node.FS import Entry

from bootwright.base import atomic
from bootwright.base.errors import BootwrightError, LackOfProgram, Lacks
from bootwright.base.regular import LARGEST, NAMED, is_there, read_bytes
from bootwright.graph.actions import action, modules
from bootwright.graph.nodes import KernelNodes
from bootwright.graph.sentences import tell_once

KERNEL_MODULES = (
    "elf/checks", "elf/unreadable", "image/elf_file", "image/kernel_file", "image/guid", "image/layout",
    "image/checksum", "loader/settings", "loader/addresses", "loader/config_011", "loader/boot_config", "base/atomic",
    "base/procs", "base/records", "base/sizes",
)  # fmt: skip
SIGNING_MODULES = (
    "loader/signing", "image/seal", "image/pe", "image/guid", "image/layout", "base/atomic", "base/procs",
    "base/records", "base/sizes",
)  # fmt: skip
DISK_MODULES = (
    "image/disk", "image/guid", "image/layout", "image/iso9660", "image/fat32", "image/gpt", "image/mbr", "base/atomic",
    "base/records", "base/sizes",
)  # fmt: skip


def make_kernel_file(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Checks the ELF, strips what debuggers read, and puts the header before it."""
    # pyelftools alone costs 60 ms: here, and not when SConscripts are read.
    from bootwright.base.procs import run
    from bootwright.cargo import entry_point
    from bootwright.elf.checks import check_kernel
    from bootwright.image import kernel_file
    from bootwright.loader.settings import finish_settings

    elf, made = Path(source[0].abspath), Path(target[0].abspath)
    root = Path(env["KERNELROOT"]) if env["KERNELROOT"] else None
    check_kernel(elf, root, env["RUSTEDITION"])
    for line in entry_point.remarks(root) if root else ():
        tell_once(line)
    boot_config, ramdisk_file = _boot_files(env)
    settings, remarks = finish_settings(elf, env["KERNELSETTINGS"], boot_config, ramdisk_file)
    for line in remarks:
        tell_once(line)
    ramdisk = read_bytes(ramdisk_file, LARGEST) if ramdisk_file else b""
    with atomic.new_directory(made) as scratch:
        stripped = scratch / elf.name
        run([env.subst("$OBJCOPY"), "--strip-debug", str(elf), str(stripped)], env=env["ENV"])
        data = kernel_file.write_kernel_file(stripped.read_bytes(), settings, ramdisk)
        (scratch / made.name).write_bytes(data)
        (scratch / made.name).replace(made)


def _boot_files(env: Environment) -> tuple[Path | None, Path | None]:
    """Returns boot.json, if the kernel's package has one, and the ramdisk, if there is to be one."""
    boot_config = Path(env["PACKAGEROOT"], "boot.json") if env["PACKAGEROOT"] else None
    ramdisk = Path(os.path.realpath(Path(env["LAUNCH"], env["RAMDISK"]))) if env["RAMDISK"] else None
    return boot_config if boot_config and is_there(boot_config) else None, ramdisk


def make_image(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Writes the disk image."""
    from bootwright.image import disk as image

    *loaders, kernel = (Path(node.abspath).read_bytes() for node in source)
    with atomic.new_file(Path(target[0].abspath)) as path:
        image.write_image(path, env["IMAGENAME"], image.Loaders(*loaders), kernel, env["ACTIVE"])


def sign_program(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Writes the EFI program for one kernel, signed."""
    from bootwright.loader.signing import sign

    program, kernel, key, certificate = (Path(node.abspath) for node in source)
    sbsign = shutil.which("sbsign", path=env["ENV"]["PATH"])
    if sbsign is None:
        raise Lacks("sbsign is not on PATH", LackOfProgram("sbsign"))
    inside = bool(env["KERNELINSIDE"])
    sign(program, kernel, key, certificate, Path(target[0].abspath), sbsign, env["ENV"], inside)
    tell_once(f"signed with {key}; a signature holds its time, so that two signings of the same kernel differ")


def embed_kernel(target: list[Entry], source: list[Entry], env: Environment) -> None:
    """Writes the EFI program with the kernel file in it."""
    from bootwright.image.seal import embed

    program, kernel = (Path(node.abspath).read_bytes() for node in source)
    with atomic.new_file(Path(target[0].abspath)) as path:
        path.write_bytes(embed(program, kernel))


def add_efi_program(env: Environment, path: str, efi: Entry, kernel: KernelNodes, inside: bool = False) -> Entry:
    """Returns the EFI program for the kernel whose files are path and a suffix: efi, or what SIGN= makes of it.

    inside says that the kernel file is in it, so that it is always one of its own.
    """
    if env["SIGN_KEY"]:
        from bootwright.storage.keys import given_keys  # most images are not signed

        key, certificate = (Path(env["LAUNCH"], env[name]).resolve() for name in ("SIGN_KEY", "SIGN_CERT"))
        pair = list(given_keys(key, certificate))
    elif env["SIGN"] == "1":
        from bootwright.storage.keys import keys_directory, made_keys  # most images are not signed

        pair = list(made_keys(keys_directory(os.environ)))
    elif inside:
        whole: Entry = env.NetworkProgram(f"{path}.efi", [efi, kernel.kernel])[0]
        env.Depends(whole, modules(env, *SIGNING_MODULES))
        return whole
    else:
        return efi
    files = [env.File(str(file).replace("$", "$$")) for file in pair]
    signed: Entry = env.SignedProgram(f"{path}.efi", [efi, kernel.kernel, *files], KERNELINSIDE=inside)[0]
    env.Depends(signed, modules(env, *SIGNING_MODULES))
    return signed


def _emit_kernel(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
    files = [path for path in _boot_files(env) if path]
    ramdisk = files[-1] if env["RAMDISK"] else None
    if ramdisk and not (is_there(ramdisk, LARGEST, NAMED.format("RAMDISK")) and ramdisk.stat().st_size):
        raise BootwrightError(f"RAMDISK={env['RAMDISK']}: {ramdisk} is no file with anything in it")
    # Their names as well: one that comes or goes makes another kernel file.
    names = env.Value("\n".join(map(str, files)))
    env.Depends(target, [names, *(env.File(str(path).replace("$", "$$")) for path in files)])
    env.Depends(target, modules(env, *KERNEL_MODULES))
    return target, source


def _emit_image(target: list[Entry], source: list[Entry], env: Environment) -> tuple[list[Entry], list[Entry]]:
    env.Depends(target, modules(env, *DISK_MODULES))
    return target, source


def generate(env: Environment) -> None:
    """Adds the Builders."""
    env.SetDefault(
        OBJCOPY="llvm-objcopy", KERNELCOM="kernel $TARGET", KERNELSHORT="kernel   $TARGET",
        DISKIMAGECOM="image $TARGET", DISKIMAGESHORT="image    $TARGET", KERNELSETTINGS=None,
        IMAGENAME="${TARGET.filebase}", SIGN="0", SIGN_KEY="", SIGN_CERT="",
        SIGNCOM="sign $TARGET", SIGNSHORT="sign     $TARGET", KERNELINSIDE=False,
        EMBEDCOM="efi $TARGET", EMBEDSHORT="efi      $TARGET",
        ACTIVE="dummy", KERNELROOT="", RAMDISK="", PACKAGEROOT="",
    )  # fmt: skip
    kernel = action(make_kernel_file, "KERNELCOM", ["KERNELSETTINGS", "OBJCOPYVERSION"])
    disk = action(make_image, "DISKIMAGECOM", ["IMAGENAME", "ACTIVE"])
    signed = action(sign_program, "SIGNCOM", ["KERNELINSIDE"])
    env["BUILDERS"]["SignedProgram"] = Builder(action=signed)
    env["BUILDERS"]["NetworkProgram"] = Builder(action=action(embed_kernel, "EMBEDCOM", []))
    env.AddMethod(add_efi_program, "EfiProgram")
    env["BUILDERS"]["KernelFile"] = Builder(action=kernel, suffix=".kernel", emitter=_emit_kernel, single_source=True)
    env["BUILDERS"]["DiskImage"] = Builder(action=disk, suffix=".img", emitter=_emit_image)


def exists(env: Environment) -> bool:
    """Says that the Tool can be set up."""
    return True
