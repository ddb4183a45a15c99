"""bootwright as pip installs it: the wheel of this checkout in a virtual environment, which nobody may write."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tests.build.checkouts import HOME

# In a user namespace that knows no root, a process has the rights of a person, whoever owns the files.
WITHOUT_ROOT = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def build_wheel(directory: Path) -> Path:
    """Builds the wheel as pip does, with the packages that are here; returns its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = directory.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Environment:
    """A virtual environment that finds, besides its own packages, those that bootwright's tests run with."""

    path: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    def pip(self, *words: str) -> None:
        """Runs pip, or uv where pip is not here."""
        if importlib.util.find_spec("pip"):
            command = [sys.executable, "-m", "pip", "--python", str(self.python), "--disable-pip-version-check"]
        else:
            uv = shutil.which("uv")
            assert uv, "this test wants pip or uv"
            command = [uv, "pip", "--python", str(self.python)]
            words = tuple(word for word in words if word != "-y")
        done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    def files(self) -> dict[str, tuple[int, int]]:
        """Returns the name of each file, with its size and the time of its last change."""
        found = {}
        for place, _, names in os.walk(self.path):
            for path in (Path(place, name) for name in names):
                facts = path.lstat()
                found[str(path.relative_to(self.path))] = (facts.st_size, facts.st_mtime_ns)
        return found

    def allow_writing(self, allowed: bool) -> None:
        """Gives everybody the right to write, or takes it from everybody."""
        for place, _, names in os.walk(self.path):
            for path in (Path(place), *(Path(place, name) for name in names)):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | 0o200 if allowed else path.stat().st_mode & ~0o222)

    def run(self, *words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs the program bootwright in cwd with a person's rights."""
        # scons test names the checkout's modules there.
        person = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [*WITHOUT_ROOT, str(self.path / "bin" / "bootwright"), *words], cwd=cwd, env={**person, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip

    def do(self, *words: str, cwd: Path, **environment: str) -> str:
        """Runs the program bootwright, which must succeed; returns what it said."""
        done = self.run(*words, cwd=cwd, **environment)
        assert done.returncode == 0, done.stdout
        return done.stdout


def make_environment(path: Path) -> Environment:
    """Makes a virtual environment without bootwright."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True, timeout=60)
    environment = Environment(path)
    words = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([environment.python, "-c", words], capture_output=True, text=True, check=True).stdout.strip()
    Path(site, "packages-of-the-tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment
