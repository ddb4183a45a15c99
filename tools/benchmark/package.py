"""The kernels that are built: the example with the greeting, data and modules that a row wants, and one of tests."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from bootwright.image.layout import DEBUG_EXIT_PASSED, DEBUG_EXIT_PORT

GREETING = "Hello World!"
DATA = '\n/// Data that a kernel carries along.\nstatic DATA: &[u8] = include_bytes!("data.bin");\n'
USE = "    core::hint::black_box(DATA);\n"
MIB = 1 << 20

TESTED = '[package]\nname = "tested"\nversion = "0.1.0"\nedition = "2024"\n'
# Each program is its own, without a library, so that a boot is nearly all that its test costs.
PROGRAM = """#![no_std]
#![no_main]

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {{
    {act}
    loop {{}}
}}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {{
    loop {{}}
}}
"""
PASS = 'unsafe {{ core::arch::asm!("out dx, eax", in("dx") {port:#x}_u16, in("eax") {passed:#x}_u32) }};'


@dataclass(frozen=True)
class Package:
    """A copy of the example kernel at directory; source is the example's directory."""

    source: Path
    directory: Path

    def make(self) -> None:
        """Copies the example here; nothing that an earlier run left stays."""
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.copytree(self.source, self.directory, ignore=shutil.ignore_patterns("target", "*.png"))

    def touch(self) -> None:
        """Has a source as it is be a file that was written just now."""
        (self.directory / "src" / "main.rs").touch()

    def write(self, greeting: str = GREETING, mebibytes: int = 0) -> None:
        """Makes it the kernel that says greeting and carries so much data, the same for everybody."""
        data = self.directory / "src" / "data.bin"
        if mebibytes and not (data.exists() and data.stat().st_size == mebibytes * MIB):
            data.write_bytes(random.Random(mebibytes).randbytes(mebibytes * MIB))
        if not mebibytes:
            data.unlink(missing_ok=True)
        example = (self.source / "src" / "main.rs").read_text(encoding="utf-8")
        (self.directory / "src" / "main.rs").write_text(change_main(example, greeting, mebibytes > 0), encoding="utf-8")

    def add_modules(self, count: int) -> None:
        """Adds count modules, each a file."""
        place = self.directory / "src" / "many"
        place.mkdir()
        for number in range(count):
            (place / f"m{number}.rs").write_text(f"pub const NUMBER: u32 = {number};\n", encoding="utf-8")
        modules = "".join(f"pub mod m{number};\n" for number in range(count))
        (place / "mod.rs").write_text(modules, encoding="utf-8")
        with (self.directory / "src" / "lib.rs").open("a", encoding="utf-8") as library:
            library.write("pub mod many;\n")


def write_tests(directory: Path, count: int) -> None:
    """Makes directory a kernel with count programs of tests, each of which passes at once."""
    act = PASS.format(port=DEBUG_EXIT_PORT, passed=DEBUG_EXIT_PASSED)
    files = {"Cargo.toml": TESTED, "src/main.rs": PROGRAM.format(act="")}
    files |= {f"tests/t{number:02}.rs": PROGRAM.format(act=act) for number in range(count)}
    shutil.rmtree(directory, ignore_errors=True)
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")


def change_main(text: str, greeting: str, data: bool) -> str:
    """Returns the program text with another greeting and, where data is wanted, with data.bin in it."""
    call = f'    println!("{GREETING}");\n'
    assert text.count(call) == 1 and text.count(f'serial_println!("{GREETING}")') == 1, "main.rs is the example's"
    if data:
        text = text.replace(call, USE + call) + DATA
    return text.replace(f'println!("{GREETING}")', f'println!("{greeting}")')
