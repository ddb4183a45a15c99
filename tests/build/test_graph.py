"""The graph of the build: what an edit rebuilds, and what it does not."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout, copy_checkout

KERNEL = ["rustc hello.elf hello.map", "kernel hello.kernel", "image hello.img"]
ALL = ["rustc libhello.rlib", *KERNEL]


def test_a_second_build_executes_nothing(checkout: Checkout) -> None:
    assert set(ALL) <= set(checkout.build())
    assert checkout.build() == []


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


def test_a_build_with_nothing_to_do_starts_no_process(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK)
    started = tmp_path / "started"
    hook = {"PYTHONPATH": str(tmp_path / "hook"), "STARTED": str(started)}
    checkout.build(**hook)
    assert "rustc" in started.read_text()
    started.unlink()
    assert checkout.build(**hook) == []
    assert not started.exists(), started.read_text()


def test_an_edit_of_the_program_rebuilds_the_program_alone(checkout: Checkout) -> None:
    checkout.build()
    before = checkout.image()
    checkout.edit("kernel/src/main.rs", "Hello World!", "Hello Again!")
    assert checkout.build() == KERNEL
    assert checkout.image() != before
    checkout.edit("kernel/src/main.rs", "Hello Again!", "Hello World!")
    assert checkout.build() == KERNEL
    assert checkout.image() == before


def test_an_edit_with_a_restored_time_is_seen(checkout: Checkout) -> None:
    checkout.build()
    path = checkout.path / "kernel/src/main.rs"
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    checkout.edit("kernel/src/main.rs", "World", "Wordl")
    os.utime(path, ns=times)
    assert checkout.build() == KERNEL


def test_a_touched_file_rebuilds_nothing(checkout: Checkout) -> None:
    checkout.build()
    os.utime(checkout.path / "kernel/src/main.rs", ns=(0, 0))
    assert checkout.build() == []


def test_a_comment_stops_where_the_bytes_are_the_same(checkout: Checkout) -> None:
    checkout.build("VARIANT=release")
    with (checkout.path / "kernel/src/main.rs").open("a") as source:
        source.write("// a last line\n")
    assert checkout.build("VARIANT=release") == ["rustc hello.elf hello.map"]


def test_a_module_counts_from_when_a_source_names_it_until_it_is_gone(checkout: Checkout) -> None:
    checkout.build()
    module = checkout.path / "kernel/src/more.rs"
    module.write_text("pub const MORE: u8 = 1;\n")
    assert checkout.build() == []
    checkout.edit("kernel/src/main.rs", "use core", "mod more;\nconst _: u8 = more::MORE;\nuse core")
    assert checkout.build()[0] == "rustc hello.elf hello.map"
    module.write_text("pub const MORE: u8 = 2;\n")
    assert checkout.build()[0] == "rustc hello.elf hello.map"
    assert checkout.build() == []
    module.rename(module.with_name("less.rs"))
    assert "file not found for module `more`" in checkout.refuse()


def test_a_changed_flag_rebuilds_the_crates_and_no_loader(checkout: Checkout) -> None:
    checkout.build()
    steps = checkout.build("RUSTFLAGS=-C opt-level=2")
    assert steps == ALL
    assert checkout.build("RUSTFLAGS=-C opt-level=2") == []


def test_a_setting_of_qemu_rebuilds_nothing(checkout: Checkout) -> None:
    checkout.build()
    assert checkout.build("run", "-n", "MEMORY=64M", "QEMUFLAGS=-m 1G", "TIMEOUT=3") == []


def test_a_changed_profile_rebuilds_its_variant_alone(checkout: Checkout) -> None:
    checkout.build("VARIANT=all")
    assert checkout.build("VARIANT=all") == []
    checkout.edit("kernel/Cargo.toml", "[profile.release]\n", "[profile.release]\nopt-level = 2\n")
    steps = checkout.build("VARIANT=all")
    assert steps[:2] == ["rustc libhello.rlib", "rustc hello.elf hello.map"]
    assert len([step for step in steps if step.startswith("rustc")]) == 2


def test_a_file_that_a_crate_includes_is_an_input_of_it_with_no_line_to_write(checkout: Checkout) -> None:
    manifest = checkout.path / "kernel/Cargo.toml"
    checkout.build()
    manifest.write_text(manifest.read_text() + "\n")
    assert checkout.build() == []
    checkout.edit("kernel/src/main.rs", "use core", 'const _: &str = include_str!("../Cargo.toml");\nuse core')
    checkout.build()
    assert checkout.build() == []
    manifest.write_text(manifest.read_text() + "\n")
    assert checkout.build()[0] == "rustc hello.elf hello.map"


def test_debug_and_release_stand_side_by_side(checkout: Checkout) -> None:
    checkout.build("VARIANT=all")
    debug, release = checkout.image("debug"), checkout.image("release")
    assert debug != release
    assert checkout.build() == []
    assert checkout.build("VARIANT=release") == []


def test_an_edited_linker_script_links_again(checkout: Checkout) -> None:
    steps = checkout.build("LDSCRIPT=linker/x86_64.ld")
    assert "rustc hello.elf hello.map" in steps
    checkout.edit("linker/x86_64.ld", "0x200000", "0x400000")
    assert checkout.build("LDSCRIPT=linker/x86_64.ld") == KERNEL


def test_a_linker_in_the_flags_is_told_to_have_no_effect(checkout: Checkout) -> None:
    built = checkout.scons("VARIANT=all", "RUSTFLAGS=-Clinker=no-such-linker")
    assert built.status == 0
    told = re.findall(
        r"^bootwright: linker=no-such-linker in RUSTFLAGS has no effect: .*ld\.lld.* links$", built.output, re.M
    )
    assert len(told) == 1, built.output


def test_a_linker_script_may_have_any_name(checkout: Checkout) -> None:
    script = checkout.path.parent / "my #1 $HOME.ld"
    shutil.copy(checkout.path / "linker/x86_64.ld", script)
    assert checkout.build(f"LDSCRIPT={script}")[-1] == "image hello.img"


def test_a_changed_module_of_ours_rebuilds_what_it_makes(checkout: Checkout) -> None:
    checkout.build()
    with (checkout.path / "site_scons/bootwright/image/gpt.py").open("a") as module:
        module.write("# changed\n")
    assert checkout.build() == ["image hello.img"]


def test_a_changed_loader_is_built_again_and_the_kernel_is_not(checkout: Checkout) -> None:
    checkout.build()
    source = sorted((checkout.path / "bootloader").rglob("main.rs"))[0]
    with source.open("a") as text:
        text.write("// changed\n")
    steps = checkout.build()
    assert steps[0] == "loader boot_sector.bin stages.bin pvh.elf bootx64.efi"
    assert not [step for step in steps if step.startswith("rustc")]


def test_a_change_of_the_fast_lanes_loader_makes_no_image_new(checkout: Checkout) -> None:
    checkout.build()
    checkout.edit("bootloader/pvh/src/kernel.rs", "64 << 10", "32 << 10")
    assert checkout.build() == ["loader boot_sector.bin stages.bin pvh.elf bootx64.efi"]


def test_a_change_of_what_both_loaders_assemble_reaches_both(checkout: Checkout) -> None:
    checkout.build()
    files = [checkout.path / "build/loader" / name for name in ("stages.bin", "pvh.elf")]
    before = [file.read_bytes() for file in files]
    checkout.edit("bootloader/arch/x86_64/src/long_mode.s", "bt edx, 29", "bt edx, 28")
    assert checkout.build() == ["loader boot_sector.bin stages.bin pvh.elf bootx64.efi", "image hello.img"]
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


def test_a_machine_has_one_lane(checkout: Checkout) -> None:
    assert "--fast and --full exclude each other" in checkout.refuse("run", "--fast", "--full")


def test_the_bytes_do_not_depend_on_place_time_or_parallelism(tmp_path: Path) -> None:
    one = copy_checkout(tmp_path / "one")
    other = copy_checkout(tmp_path / "quite" / "an other place")
    for path in other.path.rglob("*"):
        os.utime(path, ns=(10**18, 10**18))
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    one.build("VARIANT=all", "-j1")
    other.build("VARIANT=all", "-j2", TZ="Asia/Tokyo", USER="somebody", **cache)
    for variant in ("debug", "release"):
        assert one.image(variant) == other.image(variant)
        maps = [(c.path / "build" / variant / "hello.map").read_text() for c in (one, other)]
        assert maps[0] == maps[1]
        kernels = [(c.path / "build" / variant / "hello.kernel").read_bytes() for c in (one, other)]
        assert kernels[0] == kernels[1]
        assert str(tmp_path).encode() not in kernels[0]


def test_clean_removes_every_variant_and_leaves_the_store(checkout: Checkout, tmp_path: Path) -> None:
    checkout.build("VARIANT=all")
    checkout.build("-c")
    assert not (checkout.path / "build").exists()
    steps = checkout.build()
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
