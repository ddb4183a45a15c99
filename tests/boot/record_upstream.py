"""Writes upstream.json: what the loaders of the crates bootloader 0.9 and 0.11 hand to the kernels in it.

    PYTHONPATH=.:site_scons python -m tests.boot.record_upstream DIRECTORY

builds both in DIRECTORY, a quarter of an hour on two processors, and boots each kernel in QEMU. It fetches crates from
the registry, as cargo does; nothing of the tests needs it. Both loaders want a nightly compiler: RUSTC_BOOTSTRAP=1 lets
the one that is here pass for it. The version of 0.11 is the last that is for a compiler like this: its specifications
say which ABI floating point has in words that later ones changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.boot.handed import RECORD, Case, Handed, boot_upstream
from tests.boot.kernels import HOME, KERNEL, TARGET, Workshop, open_workshop
from tests.boot.loader_rig import Rig
from tests.boot.test_loader_011 import PIE, STATIC, Config, kernel
from tools.benchmark.peer import BOOTLOADER as VERSION_09
from tools.benchmark.peer import CargoBootimage

from bootwright.base.procs import attempt
from bootwright.machine.qemu import find_qemu
from bootwright.rust.search import find_toolchain

VERSION_011 = "0.11.15"
FEATURES_09 = {
    "09": (),
    "09 with a map": ("map_physical_memory",),
    "09 with a recursive table": ("recursive_page_table",),
    "09 with both": ("map_physical_memory", "recursive_page_table"),
    "09 with mode 13h and SSE": ("vga_320x200", "sse"),
}
FIXED = Config(
    stack=0xFFFF_F000_0000_0000, boot_info=0xFFFF_F100_0000_0010, framebuffer=0xFFFF_F200_0000_0000,
    memory=(0xFFFF_8000_0000_0000,), tables=(0xFFFF_F400_0000_0000,), ramdisk=0xFFFF_F300_0000_0000,
    kernel_base=0xFFFF_FFFF_8000_0000, stack_size=100_000,
)  # fmt: skip
CONFIGS_011 = {
    "011": (Config(), STATIC, b""),
    "011, all dynamic": (Config(memory=(None,), tables=(None,)), PIE, bytes(range(251)) * 40),
    "011, all fixed": (FIXED, PIE, b"x" * 5000),
}
IMAGES_011 = """fn main() {
    let words: Vec<std::path::PathBuf> = std::env::args().map(Into::into).collect();
    let mut builder = bootloader::DiskImageBuilder::new(words[1].clone());
    if let Some(ramdisk) = words.get(3) {
        builder.set_ramdisk(ramdisk.clone());
    }
    builder.create_bios_image(&words[2]).unwrap();
}
"""
NOTHING = Handed({}, [], [], [], {})


def write_package(directory: Path, dependency: str, source: str) -> None:
    """Writes a package with one dependency."""
    (directory / "src").mkdir(parents=True, exist_ok=True)
    manifest = '[package]\nname = "images"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\n'
    (directory / "Cargo.toml").write_text(f"{manifest}bootloader = {dependency}\n\n[workspace]\n", encoding="utf-8")
    (directory / "src" / "main.rs").write_text(source, encoding="utf-8")


class Upstream:
    """Both loaders, in one directory."""

    def __init__(self, place: Path, workshop: Workshop) -> None:
        self.place, self.workshop = place, workshop
        self.peer = CargoBootimage(HOME, place / "peer", find_toolchain(KERNEL, TARGET, None, os.environ))
        if not self.peer.place.is_dir():
            self.peer.link_toolchain()

    def image_09(self, case: Case) -> bytes:
        """Returns the loader of 0.9 with the case's kernel in it, as its own builder makes it: one program, flat."""
        package, copy = self.place / "package09", self.place / "loader09"
        if not copy.is_dir():
            write_package(package, f'"={VERSION_09}"', "fn main() {}\n")
            self.peer.cargo("fetch", directory=package)
            (source,) = self.peer.place.glob(f"cargo/registry/src/*/bootloader-{VERSION_09}")
            shutil.copytree(source, copy)
        # Not above the loader, for cargo looks for workspaces there.
        elf, manifest = self.place / "kernel" / "kernel.elf", self.place / "kernel" / "Cargo.toml"
        elf.parent.mkdir(exist_ok=True)
        elf.write_bytes(case.elf)
        manifest.write_text('[package]\nname = "kernel"\nversion = "0.1.0"\n', encoding="utf-8")
        words = ["build", "--release", "--features", " ".join(("binary", *case.features)), "-Zjson-target-spec"]
        words += [
            "-Zbuild-std=core",
            "-Zbuild-std-features=compiler-builtins-mem",
            "--target",
            "x86_64-bootloader.json",
        ]
        self.peer.cargo(*words, directory=copy, KERNEL=str(elf), KERNEL_MANIFEST=str(manifest))
        program, flat = self.peer.place / "target" / "x86_64-bootloader" / "release" / "bootloader", self.place / "flat"
        words = ["-I", "elf64-x86-64", "-O", "binary", "--binary-architecture=i386:x86-64", str(program), str(flat)]
        result = attempt([str(self.workshop.objcopy), *words])
        assert result.status == 0, result.stderr
        return flat.read_bytes()

    def image_011(self, case: Case) -> bytes:
        """Returns a disk that the crate's own builder of images writes."""
        package, program = self.place / "package011", self.peer.place / "target" / "release" / "images"
        dependency = f'{{ version = "={VERSION_011}", default-features = false, features = ["bios"] }}'
        write_package(package, dependency, IMAGES_011)
        self.peer.cargo("build", "--release", directory=package)
        elf, ramdisk, disk = (self.place / name for name in ("kernel.elf", "ramdisk", "disk.img"))
        elf.write_bytes(case.elf)
        ramdisk.write_bytes(case.ramdisk)
        subprocess.run([program, elf, disk, *([ramdisk] if case.ramdisk else [])], check=True)
        return disk.read_bytes()


def main() -> None:
    """Records all cases."""
    place = Path(sys.argv[1]).resolve()
    for name in ("workshop", "rig"):
        shutil.rmtree(place / name, ignore_errors=True)
        (place / name).mkdir(parents=True)
    workshop = open_workshop(place / "workshop", place / "workshop")
    rig, upstream = Rig(workshop, place / "rig"), Upstream(place, workshop)
    cases = []
    for name, features in FEATURES_09.items():
        case = Case(name, rig.kernel(), features, b"", NOTHING)
        cases.append(boot_upstream(rig, case, upstream.image_09(case)))
    for name, (config, flags, ramdisk) in CONFIGS_011.items():
        case = Case(name, kernel(rig, config, flags=flags).read_bytes(), (), ramdisk, NOTHING)
        cases.append(boot_upstream(rig, case, upstream.image_011(case)))
    qemu = attempt([str(find_qemu(None, os.environ)), "--version"]).stdout.splitlines()[0]
    source = {
        "loaders": f"bootloader {VERSION_09} and {VERSION_011}, from the crate registry",
        "compiler": upstream.peer.toolchain.verbose.splitlines()[0],
        "machine": f"q35 with AHCI and 128 MiB, {qemu}",
        "command": "python -m tests.boot.record_upstream",
    }
    kept = {"source": source, "cases": {case.name: case.keep() for case in cases}}
    # A list of numbers in one line.
    text = json.dumps(kept, indent=1)
    RECORD.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
