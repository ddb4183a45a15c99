"""The graph of the build: what an edit rebuilds, and what it does not."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout, copy_checkout
from tests.build.compilers import private_store

KERNEL = ["rustc hello.elf hello.map", "kernel hello.kernel", "image hello.img"]
ALL = ["rustc libhello.rlib", *KERNEL]


def test_a_second_build_executes_nothing(built: Checkout) -> None:
    assert built.build() == []


HOOK = """
import os, sys
STARTS = {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
def note(event, arguments):
    if event in STARTS:
        descriptor = os.open(os.environ["STARTED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{event} {arguments}\\n".encode())
        os.close(descriptor)
sys.addaudithook(note)
"""


def test_a_build_with_nothing_to_do_starts_no_process(built: Checkout, tmp_path: Path) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK)
    started = tmp_path / "started"
    hook = {"PYTHONPATH": str(tmp_path / "hook"), "STARTED": str(started)}
    built.edit("kernel/src/main.rs", "World", "Wordl")
    assert built.build(**hook) == KERNEL
    assert "rustc" in started.read_text()
    started.unlink()
    assert built.build(**hook) == []
    assert not started.exists(), started.read_text()


def test_an_edit_of_the_program_rebuilds_the_program_alone(built: Checkout) -> None:
    before = built.image()
    built.edit("kernel/src/main.rs", "Hello World!", "Hello Again!")
    assert built.build() == KERNEL
    assert built.image() != before
    built.edit("kernel/src/main.rs", "Hello Again!", "Hello World!")
    assert built.build() == KERNEL
    assert built.image() == before


def test_an_edit_with_a_restored_time_is_seen(built: Checkout) -> None:
    path = built.path / "kernel/src/main.rs"
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    built.edit("kernel/src/main.rs", "World", "Wordl")
    os.utime(path, ns=times)
    assert built.build() == KERNEL


def test_a_touched_file_rebuilds_nothing(built: Checkout) -> None:
    os.utime(built.path / "kernel/src/main.rs", ns=(0, 0))
    assert built.build() == []


def test_a_comment_stops_where_the_bytes_are_the_same(built: Checkout) -> None:
    built.build("VARIANT=release")
    with (built.path / "kernel/src/main.rs").open("a") as source:
        source.write("// a last line\n")
    assert built.build("VARIANT=release") == ["rustc hello.elf hello.map"]


def test_a_module_counts_from_when_a_source_names_it_until_it_is_gone(built: Checkout) -> None:
    module = built.path / "kernel/src/more.rs"
    module.write_text("pub const MORE: u8 = 1;\n")
    assert built.build() == []
    built.edit("kernel/src/main.rs", "use core", "mod more;\nconst _: u8 = more::MORE;\nuse core")
    assert built.build()[0] == "rustc hello.elf hello.map"
    module.write_text("pub const MORE: u8 = 2;\n")
    assert built.build()[0] == "rustc hello.elf hello.map"
    assert built.build() == []
    module.rename(module.with_name("less.rs"))
    assert "file not found for module `more`" in built.refuse()


def test_a_changed_flag_rebuilds_the_crates_and_no_loader(built: Checkout) -> None:
    steps = built.build("RUSTFLAGS=-C opt-level=2")
    assert steps == ALL
    assert built.build("RUSTFLAGS=-C opt-level=2") == []


def test_a_setting_of_qemu_rebuilds_nothing(built: Checkout) -> None:
    assert built.build("run", "-n", "MEMORY=64M", "QEMUFLAGS=-m 1G", "TIMEOUT=3") == []


def test_a_changed_profile_rebuilds_its_variant_alone(built: Checkout) -> None:
    built.build("VARIANT=all")
    assert built.build("VARIANT=all") == []
    built.edit("kernel/Cargo.toml", "[profile.release]\n", "[profile.release]\nopt-level = 2\n")
    steps = built.build("VARIANT=all")
    assert steps[:2] == ["rustc libhello.rlib", "rustc hello.elf hello.map"]
    assert len([step for step in steps if step.startswith("rustc")]) == 2


def test_a_file_that_a_crate_includes_is_an_input_of_it_with_no_line_to_write(built: Checkout) -> None:
    manifest = built.path / "kernel/Cargo.toml"
    manifest.write_text(manifest.read_text() + "\n")
    assert built.build() == []
    built.edit("kernel/src/main.rs", "use core", 'const _: &str = include_str!("../Cargo.toml");\nuse core')
    built.build()
    assert built.build() == []
    manifest.write_text(manifest.read_text() + "\n")
    assert built.build()[0] == "rustc hello.elf hello.map"


def test_debug_and_release_stand_side_by_side(built: Checkout) -> None:
    built.build("VARIANT=all")
    debug, release = built.image("debug"), built.image("release")
    assert debug != release
    assert built.build() == []
    assert built.build("VARIANT=release") == []


def test_an_edited_linker_script_links_again(built: Checkout) -> None:
    steps = built.build("LDSCRIPT=linker/x86_64.ld")
    assert "rustc hello.elf hello.map" in steps
    built.edit("linker/x86_64.ld", "0x200000", "0x400000")
    assert built.build("LDSCRIPT=linker/x86_64.ld") == KERNEL


def test_a_linker_in_the_flags_is_told_to_have_no_effect(built: Checkout) -> None:
    said = built.scons("-n", "VARIANT=all", "RUSTFLAGS=-Clinker=no-such-linker")
    assert said.status == 0
    told = re.findall(
        r"^bootwright: linker=no-such-linker in RUSTFLAGS has no effect: .*ld\.lld.* links$", said.output, re.M
    )
    assert len(told) == 1, said.output
    assert "rustc libhello.rlib" in said.steps


def test_a_linker_script_may_have_any_name(built: Checkout) -> None:
    script = built.path.parent / "my #1 $HOME.ld"
    shutil.copy(built.path / "linker/x86_64.ld", script)
    assert built.build(f"LDSCRIPT={script}")[-1] == "image hello.img"


def test_a_changed_module_of_ours_rebuilds_what_it_makes(built: Checkout) -> None:
    with (built.path / "site_scons/bootwright/image/gpt.py").open("a") as module:
        module.write("# changed\n")
    assert built.build() == ["image hello.img"]


def test_a_change_of_the_fast_lanes_loader_makes_no_image_new(built: Checkout) -> None:
    built.edit("bootloader/pvh/src/kernel.rs", ".with(magic, 0)", ".with(magic, 1)")
    assert built.build() == ["loader boot_sector.bin cd_boot.bin stages.bin pvh.elf bootx64.efi network.bin"]


def test_a_change_of_what_both_loaders_assemble_reaches_both(built: Checkout) -> None:
    files = [built.path / "build/loader" / name for name in ("stages.bin", "pvh.elf")]
    before = [file.read_bytes() for file in files]
    built.edit("bootloader/arch/x86_64/src/long_mode.s", "bt edx, 29", "bt edx, 28")
    assert built.build() == [
        "loader boot_sector.bin cd_boot.bin stages.bin pvh.elf bootx64.efi network.bin",
        "image hello.img",
    ]
    assert all(file.read_bytes() != old for file, old in zip(files, before, strict=True))


def test_the_fast_lane_starts_the_kernel_and_makes_no_image(checkout: Checkout) -> None:
    ran = checkout.scons("run", "--headless", "--fast")
    assert ran.status == 0, ran.output
    assert "Hello World!" in ran.output and "halted" in ran.output
    assert not (checkout.path / "build/debug/hello.img").exists()
    # A picture of the same screen, whichever way the kernel got there.
    pictures = []
    for lane in ("--fast", "--full"):
        taken = checkout.scons("screenshot", lane)
        assert taken.status == 0, taken.output
        pictures.append((checkout.path / "build/debug/hello.png").read_bytes())
    assert pictures[0] == pictures[1]


@pytest.mark.needs("ovmf")
def test_one_image_starts_by_uefi_too_and_only_from_its_disk(checkout: Checkout) -> None:
    ran = checkout.scons("run", "--headless", "FIRMWARE=uefi")
    assert ran.status == 0, ran.output
    assert "Hello World!" in ran.output and "BdsDxe" not in ran.output
    assert "starts the kernel without a firmware" in checkout.refuse("run", "--fast", "FIRMWARE=uefi")


def test_the_image_is_a_cd_and_the_disk_of_virtual_machines_too(checkout: Checkout) -> None:
    forms = [f"image hello.{suffix}" for suffix in ("img", "iso", "qcow2", "vdi", "vmdk")]
    assert sorted(step for step in checkout.build("iso", "vm") if step.startswith("image")) == forms
    (checkout.path / "build/debug/hello.vmdk").unlink()
    assert checkout.build("build/debug/hello.vmdk") == ["image hello.vmdk"]  # whichever word makes the file
    image = checkout.path / "build/debug/hello.img"
    assert image.with_suffix(".iso").read_bytes() == image.read_bytes()
    ran = checkout.scons("run", "--cd", "--headless")
    assert ran.status == 0 and "Hello World!" in ran.output, ran.output
    assert "--cd boots one" in checkout.refuse("run", "--cd", "--fast")
    assert "--cd is for `scons run`" in checkout.refuse("iso", "--cd")


def test_a_machine_has_one_lane(checkout: Checkout) -> None:
    assert "--fast and --full exclude each other" in checkout.refuse("run", "--fast", "--full")


def test_the_bytes_do_not_depend_on_place_time_or_parallelism(tmp_path: Path) -> None:
    one = copy_checkout(tmp_path / "one")
    other = copy_checkout(tmp_path / "quite" / "an other place")
    for path in other.path.rglob("*"):
        os.utime(path, ns=(10**18, 10**18))
    cache = private_store(tmp_path / "cache")  # what core's bytes depend on, test_sysroot_core sees
    one.build("VARIANT=all", "-j1")
    other.build("VARIANT=all", "-j2", TZ="Asia/Tokyo", USER="somebody", **cache)
    for variant in ("debug", "release"):
        assert one.image(variant) == other.image(variant)
        maps = [(c.path / "build" / variant / "hello.map").read_text() for c in (one, other)]
        assert maps[0] == maps[1]
        kernels = [(c.path / "build" / variant / "hello.kernel").read_bytes() for c in (one, other)]
        assert kernels[0] == kernels[1]
        assert str(tmp_path).encode() not in kernels[0]


def test_clean_removes_every_variant_and_leaves_the_store(built: Checkout, tmp_path: Path) -> None:
    built.build("VARIANT=all")
    built.build("-c")
    assert not (built.path / "build").exists()
    steps = built.build()
    assert set(ALL) <= set(steps)
    assert not [step for step in steps if "x86_64-unknown-none.rlib" in step]


def test_the_home_of_bootwright_is_only_read(checkout: Checkout) -> None:
    before = {path: path.read_bytes() for path in checkout.path.rglob("*") if path.is_file()}
    checkout.build(PYTHONDONTWRITEBYTECODE="1")
    after = {p: p.read_bytes() for p in checkout.path.rglob("*") if p.is_file() and "build" not in p.parts}
    assert after == before


def test_a_build_is_seen_from_the_directory_that_scons_was_called_in(checkout: Checkout, package: Path) -> None:
    built = checkout.scons(f"KERNEL={package.name}", cwd=package.parent)
    assert built.status == 0, built.output
    assert (checkout.path / "build/debug/reader.img").exists()
    assert checkout.path != HOME
