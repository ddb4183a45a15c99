"""Each check of a host's program refuses a product that breaks it, and names the field; real linkers make them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from tests.build.linked import SOURCE, Linked, Rig, row

from bootwright.base.errors import BootwrightError
from bootwright.hosts.table import this_builder

LINUX, WINDOWS, MACOS = row("linux-x86_64"), row("windows-x86_64"), row("macos-aarch64")
IMPORTING = SOURCE.replace(
    "    other()\n",
    """    #[link(name = "kernel32", kind = "raw-dylib")]
    unsafe extern "system" {
        fn ExitProcess(status: u32) -> !;
    }
    unsafe { ExitProcess(42) }
""",
)


def refusal(product: Linked, rig: Rig) -> str:
    """Returns the sentence with which the product is refused."""
    with pytest.raises(BootwrightError) as caught:
        product.check(rig.row)
    assert str(product.path) in caught.value.message
    return caught.value.message.removeprefix(f"{product.path}: ")


@pytest.fixture
def linux(tmp_path: Path) -> Rig:
    return Rig(LINUX, tmp_path)


@pytest.fixture
def windows(tmp_path: Path) -> Rig:
    return Rig(WINDOWS, tmp_path)


@pytest.fixture
def macos(tmp_path: Path) -> Rig:
    return Rig(MACOS, tmp_path)


@pytest.mark.parametrize("name", ["linux-x86_64", "linux-aarch64", "windows-x86_64", "windows-aarch64", "macos-x86_64",
                                  "macos-aarch64"])  # fmt: skip
def test_what_a_row_links_passes_its_check_and_not_that_of_the_other_architecture(name: str, tmp_path: Path) -> None:
    rig = Rig(row(name), tmp_path)
    product = rig.link()
    product.check(rig.row)
    host, _, arch = name.partition("-")
    other = row(f"{host}-{'aarch64' if arch == 'x86_64' else 'x86_64'}")
    with pytest.raises(BootwrightError, match=r": (e_machine|Machine|cputype) is "):
        product.check(other)


def test_an_ELF_with_another_entry_is_refused(linux: Rig) -> None:
    assert refusal(linux.link("-e", "other"), linux).startswith("e_entry is 0x")


def test_an_ELF_without_symbols_is_judged_by_its_map(linux: Rig) -> None:
    linux.link("--strip-all").check(linux.row)
    assert refusal(linux.link("--strip-all", "-e", "other"), linux).startswith("e_entry is 0x")


@pytest.mark.needs("cc")
def test_the_map_of_GNU_ld_names_the_entry_as_well(tmp_path: Path) -> None:
    rig = Rig(row(f"linux-{this_builder().arch}", "cc"), tmp_path)
    rig.link("-s").check(rig.row)
    assert refusal(rig.link("-s", "-Wl,-e,other"), rig).startswith("e_entry is 0x")


def test_an_ELF_without_start_is_refused(linux: Rig) -> None:
    product = linux.link("-e", "other", source=SOURCE.replace("_start", "start"))
    assert refusal(product, linux).endswith("and `_start` is not there; linux-x86_64 by lld wants `_start`")


def test_an_ELF_with_an_interpreter_is_refused_where_the_row_allows_none(linux: Rig) -> None:
    product = linux.link("-pie", "--dynamic-linker=/lib/an-interpreter")
    assert refusal(product, linux).startswith("PT_INTERP is /lib/an-interpreter; ")
    product.check(row("linux-x86_64", "cc"))


def test_an_ELF_that_needs_a_library_is_refused(linux: Rig) -> None:
    library = linux.directory / "libneeded.so"
    linux.link("-shared", "--soname=libneeded.so").path.rename(library)
    assert refusal(linux.link("-pie", "--no-as-needed", str(library), dropping=["-static"]), linux).startswith(
        "DT_NEEDED is libneeded.so; "
    )


def test_an_ELF_with_an_undefined_symbol_is_refused(linux: Rig) -> None:
    source = SOURCE.replace("    other()\n", '    unsafe extern "C" { fn nowhere() -> !; }\n    unsafe { nowhere() }\n')
    product = linux.link("--unresolved-symbols=ignore-all", source=source)
    assert refusal(product, linux).startswith("undefined symbol is `nowhere`; ")


def test_an_ELF_with_a_start_file_is_refused_by_its_map(linux: Rig) -> None:
    used = linux.compile("crt1.o", '#![no_std]\n#[unsafe(no_mangle)] pub extern "C" fn __libc_csu_init() {}\n')
    product = linux.link(str(used), "-u", "__libc_csu_init")
    assert refusal(product, linux).startswith("start file is crt1.o; ")


def test_an_ELF_with_a_start_file_is_refused_by_its_symbols(linux: Rig) -> None:
    source = SOURCE + 'core::arch::global_asm!(".file \\"crtstuff.c\\"");\n'
    assert refusal(linux.link(source=source), linux).startswith("start file is crtstuff.c; ")


def test_an_object_file_is_no_program(linux: Rig) -> None:
    product = Linked(linux.compile("object.o"), linux.link().map)
    assert refusal(product, linux).startswith("e_type is ET_REL; ")


@pytest.mark.parametrize(
    ("target", "words"),
    [(LINUX, "is no whole ELF file"), (WINDOWS, "is no PE file"), (MACOS, "is no Mach-O file")],
    ids=["ELF", "PE", "Mach-O"],
)
def test_a_file_of_another_format_or_cut_short_is_a_sentence(target: object, words: str, tmp_path: Path) -> None:
    file, linker_map = tmp_path / "file", tmp_path / "map"
    linker_map.write_text("")
    for data in (b"", b"text", b"\x7fELF\x02\x01\x01", b"MZ" + bytes(60), b"\xcf\xfa\xed\xfe" + bytes(3)):
        file.write_bytes(data)
        with pytest.raises(BootwrightError, match=words):
            Linked(file, linker_map).check(target)  # type: ignore[arg-type]


def test_a_PE_with_another_entry_is_refused(windows: Rig) -> None:
    product = windows.link("/ENTRY:other", dropping=["/ENTRY:_start"])
    assert refusal(product, windows).startswith("AddressOfEntryPoint is 0x")


def test_a_PE_of_another_subsystem_is_refused(windows: Rig) -> None:
    product = windows.link("/SUBSYSTEM:windows", dropping=["/SUBSYSTEM:console"])
    assert refusal(product, windows).startswith("Subsystem is WINDOWS_GUI; ")


def test_a_PE_with_an_import_is_refused(windows: Rig) -> None:
    assert refusal(windows.link(source=IMPORTING), windows).startswith("import is kernel32")


def test_a_PE_with_an_import_that_is_loaded_late_is_refused(windows: Rig) -> None:
    helper = '#[unsafe(no_mangle)] pub extern "system" fn __delayLoadHelper2() {}\n'
    product = windows.link("/DELAYLOAD:kernel32.dll", source=IMPORTING + helper)
    assert refusal(product, windows).startswith("import is kernel32")


def test_a_PE_with_the_entry_of_the_C_library_is_refused(windows: Rig) -> None:
    product = windows.link("/INCLUDE:mainCRTStartup", source=SOURCE.replace("other", "mainCRTStartup"))
    assert refusal(product, windows).startswith("start file is mainCRTStartup; ")


def test_a_DLL_is_no_program(windows: Rig) -> None:
    assert refusal(windows.link("/DLL"), windows).startswith("Characteristics is IMAGE_FILE_DLL, a library; ")


def test_a_shared_library_is_no_program(linux: Rig) -> None:
    assert refusal(linux.link("-shared"), linux).startswith("DT_FLAGS_1 is without DF_1_PIE: a shared library; ")


def test_a_Mach_O_with_another_entry_is_refused(macos: Rig) -> None:
    product = macos.link("-e", "_other", dropping=["-e", "__start"])
    assert refusal(product, macos).startswith("LC_MAIN is 0x")


def test_a_Mach_O_with_a_start_file_is_refused(macos: Rig) -> None:
    used = macos.compile("crt1.o", '#![no_std]\n#[unsafe(no_mangle)] pub extern "C" fn start() {}\n')
    assert refusal(macos.link(str(used), "-u", "_start"), macos).startswith("start file is crt1.o; ")


def test_a_Mach_O_that_loads_a_library_is_refused(macos: Rig) -> None:
    stub = macos.directory / "libneeded.tbd"
    stub.write_text(
        "--- !tapi-tbd\ntbd-version: 4\ntargets: [ arm64-macos ]\ninstall-name: '/usr/lib/libneeded.dylib'\n...\n"
    )
    assert refusal(macos.link(str(stub)), macos).startswith("LC_LOAD_DYLIB is /usr/lib/libneeded.dylib; ")


def test_a_Mach_O_with_an_undefined_symbol_is_refused(macos: Rig) -> None:
    source = SOURCE.replace("    other()\n", '    unsafe extern "C" { fn nowhere() -> !; }\n    unsafe { nowhere() }\n')
    product = macos.link("-undefined", "dynamic_lookup", source=source)
    assert refusal(product, macos).startswith("undefined symbol is `_nowhere`; ")


def test_a_Mach_O_that_names_dyld_is_refused_where_the_row_does_not_allow_it(macos: Rig) -> None:
    product = macos.link()
    with pytest.raises(
        BootwrightError, match=r": LC_LOAD_DYLINKER is /usr/lib/dyld; macos-aarch64 by clang wants none"
    ):
        product.check(row("macos-aarch64", "clang"))


def test_an_arm64_Mach_O_without_a_signature_is_refused(macos: Rig) -> None:
    assert refusal(macos.link("-no_adhoc_codesign"), macos).startswith("LC_CODE_SIGNATURE is missing; ")


def test_a_Mach_O_library_is_no_program(macos: Rig) -> None:
    product = macos.link()
    data = bytearray(product.path.read_bytes())
    struct.pack_into("<I", data, 12, 6)  # filetype: MH_DYLIB
    product.path.write_bytes(data)
    assert refusal(product, macos).startswith("filetype is DYLIB; ")


def static_macho(pc: int) -> bytes:
    """Returns a static x86-64 program as Apple's ld makes one: LC_UNIXTHREAD, and the symbol __start at 0x1000.

    Layout after <mach-o/loader.h>, <mach-o/nlist.h> and <mach/i386/thread_status.h>.
    """
    names = b" \0__start\0".ljust(16, b"\0")
    thread = struct.pack("<IIII", 0x5, 16 + 21 * 8, 4, 42) + struct.pack("<21Q", *[0] * 16, pc, *[0] * 4)
    sizes = 72 + len(thread) + 24
    end = 32 + sizes
    length = end + 16 + len(names)
    text = struct.pack("<II16sQQQQiiII", 0x19, 72, b"__TEXT", 0x1000, 0x1000, 0, length, 5, 5, 0, 0)
    symtab = struct.pack("<IIIIII", 0x2, 24, end, 1, end + 16, len(names))
    nlist = struct.pack("<IBBHQ", 2, 0x0F, 1, 0, 0x1000)
    header = struct.pack("<8I", 0xFEEDFACF, 0x01000007, 3, 2, 3, sizes, 0, 0)
    return header + text + thread + symtab + nlist + names


def test_a_static_Mach_O_is_judged_by_its_first_program_counter(tmp_path: Path) -> None:
    target = row("macos-x86_64", "clang")
    product = Linked(tmp_path / "static", tmp_path / "map")
    product.map.write_text("")
    product.path.write_bytes(static_macho(0x1000))
    product.check(target)
    product.path.write_bytes(static_macho(0x1004))
    with pytest.raises(BootwrightError, match="LC_UNIXTHREAD is 0x1004, and `__start` is at 0x1000"):
        product.check(target)
