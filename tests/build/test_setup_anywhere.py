"""The real sconsw where apt may not install QEMU: on a machine with a package in the way, and without root's rights.

The real archive is asked; the machine's dpkg is a copy of its status, in which a qemu-utils from elsewhere is installed
that breaks this release's QEMU, and PATH has every program of this machine but QEMU.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, copy_checkout

from bootwright.setup import needs, stamp
from bootwright.storage.store import DESCRIPTION, Store

pytestmark = [pytest.mark.needs("dpkg-deb", "cc"), pytest.mark.xdist_group("private")]
STATUS = Path("/var/lib/dpkg/status")
FROM_ELSEWHERE = """Package: qemu-utils
Status: install ok installed
Architecture: amd64
Version: 1:99.0+elsewhere
Breaks: qemu-system-common (<< 1:99)
Maintainer: somebody else
Description: is here from elsewhere

"""
# In a user namespace that knows no root, a process has the rights of a person, whoever owns the files.
WITHOUT_ROOT = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def is_core_of_hello(entry: Path) -> bool:
    """Tells whether an entry of the store is core of the target that the example has."""
    said = entry / DESCRIPTION
    return said.is_file() and said.read_text().startswith("core of x86_64-unknown-none,")


class Bare:
    """A checkout that is set up but for the programs, on such a machine, with an empty HOME."""

    def __init__(self, parent: Path) -> None:
        self.checkout = copy_checkout(parent / "a fresh place").path
        self.home = parent / "home"
        self.home.mkdir()
        for name in ("sconsw", "requirements.txt"):
            shutil.copy(HOME / name, self.checkout)
        shutil.copytree(HOME / ".venv", self.checkout / ".venv", symlinks=True)
        wanted = needs.Wanted(str(self.checkout), [], {})
        Path(stamp.stamp_path(str(self.checkout))).write_text(stamp.write(wanted, {}))
        # Half a minute to make; the cores of all targets would be gigabytes.
        made = [*Store().root.glob("loader/*"), *filter(is_core_of_hello, Store().root.glob("sysroot/*"))]
        for entry in made:
            shutil.copytree(entry, self.home / ".cache" / "bootwright" / entry.relative_to(Store().root))
        programs = parent / "programs"
        programs.mkdir()
        for directory in os.environ["PATH"].split(os.pathsep):
            for program in Path(directory).glob("*") if Path(directory).is_dir() else ():
                if not program.name.startswith("qemu-system") and not (programs / program.name).exists():
                    (programs / program.name).symlink_to(program)
        others = re.split(r"\n\n+", STATUS.read_text())
        kept = [stanza for stanza in others if stanza and not re.match(r"Package: qemu-(utils|system)", stanza)]
        self.status = parent / "status"
        self.status.write_text(FROM_ELSEWHERE + "\n\n".join(kept) + "\n")
        (parent / "apt.conf").write_text(f'Dir::State::Status "{self.status}";\n')
        self.environ = {
            "PATH": str(programs), "HOME": str(self.home), "APT_CONFIG": str(parent / "apt.conf"), "LANG": "C.UTF-8",
            **{name: value for name, value in os.environ.items() if name.startswith("RUSTUP_")},
        }  # fmt: skip

    def run(self, *arguments: str, before: list[str] | None = None) -> subprocess.CompletedProcess[str]:
        python = getattr(sys, "_base_executable", sys.executable)
        return subprocess.run(
            [*(before or []), python, str(self.checkout / "sconsw"), *arguments], cwd=self.checkout,
            env=self.environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1500,
        )  # fmt: skip


@pytest.mark.parametrize("who", ["root", "nobody"])
def test_hello_world_appears_and_nothing_of_the_system_changes(tmp_path: Path, who: str) -> None:
    bare = Bare(tmp_path)
    before = bare.status.read_text()
    ran = bare.run("run", "--headless", before=WITHOUT_ROOT if who == "nobody" or os.geteuid() else None)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Hello World!" in ran.stdout
    reason = "apt-get would remove qemu-utils"
    if who == "nobody" or os.geteuid():
        reason = "sconsw is not root here"
    assert f"qemu-system-x86 comes privately, since {reason}: " in ran.stderr
    assert bare.status.read_text() == before
    again = bare.run("run", "--headless")
    assert (again.returncode, "privately" in again.stderr) == (0, False), again.stderr
    report = bare.run("doctor")
    line = next(line for line in report.stdout.splitlines() if "qemu-system-x86_64 " in line)
    assert str(bare.home / ".cache" / "bootwright" / "programs") in line
    assert "private: QEMU emulator" in line


def test_plain_scons_without_the_set_up_is_one_sentence_before_anything_is_compiled(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout").path
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    scons = next(Path(place, "SCons") for place in sys.path if Path(place, "SCons").is_dir())
    packages = next((bare / "lib").glob("python3*")) / "site-packages"
    (packages / "SCons").symlink_to(scons)
    ran = subprocess.run([bare / "bin" / "python", "-m", "SCons"], cwd=checkout, capture_output=True, text=True)
    assert ran.returncode == 2
    assert "without pyelftools and lief and rich, which is not what the build needs\n" in ran.stderr
    assert "  hint: ./sconsw " in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (checkout / "build").exists()
