"""Making .venv, with the very packages of requirements.txt, by uv where it is and by plain `python -m venv` elsewhere.

A mark lies in .venv while packages are installed, so that a set-up which was killed is seen and made anew. The sets of
extras.py are added to a .venv that is whole, and stays so whatever becomes of that.
"""

from __future__ import annotations

import errno
import importlib.util
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bootwright.base import storage_space
from bootwright.base.errors import BootwrightError
from bootwright.setup import extras, stamp
from bootwright.setup import installer as watched
from bootwright.setup.installer import tell

UNFINISHED = "bootwright.unfinished"
SCRATCH = "bootwright.tmp"  # TMPDIR of the installers, so that one that is killed leaves nothing elsewhere
PIP_PACKAGE = "python3-pip-whl"  # Debian's and Ubuntu's, with what ensurepip would install
PACKAGES = 200_000_000  # bytes that they take, about
COMPILE = """
import compileall, sys
import SCons
for place in (sys.argv[1], SCons.__path__[0]):
    compileall.compile_dir(place, quiet=2)
"""
# What would lead pip out of .venv.
LEADS_ASTRAY = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONPATH", "PYTHONHOME")


def base_python() -> str:
    """Returns the interpreter that .venv is made from: this one, or the one behind the venv that this one is in."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)


def can_be_made(environ: Mapping[str, str]) -> bool:
    """Tells whether uv or a Python with ensurepip is there."""
    return bool(shutil.which("uv", path=environ.get("PATH"))) or importlib.util.find_spec("ensurepip") is not None


def find_pip(root: Path) -> Path:
    """Returns the pip in the unpacked PIP_PACKAGE, as Python runs it by its path."""
    wheels = sorted((root / "usr" / "share" / "python-wheels").glob("pip-*.whl"))
    if not wheels:
        raise BootwrightError(f"{PIP_PACKAGE} has no pip: {root}", "install uv, or your system's package of ensurepip")
    return wheels[-1] / "pip"


def make(home: Path, environ: Mapping[str, str], pip: Path | None = None) -> None:
    """Makes home/.venv with the packages of requirements.txt, or brings one that is there up to date.

    pip is find_pip's, for a Python that has no ensurepip.
    """
    venv, python = home / ".venv", Path(stamp.venv_python(str(home)))
    requirements = home / "requirements.txt"
    mark, scratch = venv / UNFINISHED, venv / SCRATCH
    count = len(_names(requirements))
    uv = shutil.which("uv", path=environ.get("PATH"))
    clean = _environment(environ, scratch)
    started = time.monotonic()
    with _writing(venv):
        if venv.exists() and (mark.exists() or not _is_usable(python, bool(uv or pip), clean)):
            tell("an earlier set-up of .venv did not end, or its Python is gone: making it anew")
            _empty(venv)
        venv.mkdir(exist_ok=True)
        Path(stamp.stamp_path(str(home))).unlink(missing_ok=True)  # first, so that no stamp ever lies beside a mark
        mark.touch()
        scratch.mkdir(exist_ok=True)
        for name in extras.FOR:
            Path(extras.copy_path(str(home), name)).unlink(missing_ok=True)
    tell(f"making .venv with {count} packages of Python ({'uv' if uv else 'pip'})")
    ended = _fill(venv, python, ["-r", str(requirements)], uv, clean, count, pip)
    shutil.rmtree(scratch, ignore_errors=True)
    if ended.status:
        raise failure(ended, venv)
    mark.unlink()
    tell(f".venv is ready after {time.monotonic() - started:.1f} s")


def add(home: Path, names: Sequence[str], environ: Mapping[str, str], pip: Path | None = None) -> None:
    """Adds the sets of packages of names (extras.py) to home/.venv."""
    venv, python = home / ".venv", Path(stamp.venv_python(str(home)))
    lists = {name: Path(extras.list_path(str(home), name)) for name in names}
    copies = {name: Path(extras.copy_path(str(home), name)) for name in names}
    count = len({one for path in lists.values() for one in _names(path)} - _names(home / "requirements.txt"))
    uv = shutil.which("uv", path=environ.get("PATH"))
    scratch = venv / SCRATCH
    words = [word for path in lists.values() for word in ("-r", str(path))]
    started = time.monotonic()
    with _writing(venv):
        unfinished = any(path.exists() and not path.stat().st_size for path in copies.values())
        for path in copies.values():
            path.write_bytes(b"")
        scratch.mkdir(exist_ok=True)
    what = "the tests of bootwright" if "test" in names else " and ".join(extras.FOR[name] for name in names)
    tell(f"adding to .venv what {what} need{'' if 'test' in names or 'registry' in names else 's'}: "
         f"{count} packages of Python ({'uv' if uv else 'pip'})")  # fmt: skip
    ended = _fill(venv, python, words, uv, _environment(environ, scratch), count, pip, again=unfinished)
    shutil.rmtree(scratch, ignore_errors=True)
    if ended.status:
        raise failure(ended, venv, f"the packages of Python for {what}")
    with _writing(venv):
        for name, path in copies.items():
            path.write_bytes(lists[name].read_bytes())
    tell(f".venv has them after {time.monotonic() - started:.1f} s")


@contextmanager
def _writing(venv: Path) -> Iterator[None]:
    """Makes one sentence of what cannot be written in venv."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = storage_space.full(venv, f"{error.filename or venv} cannot be written")
            raise BootwrightError(message, "free some, then start sconsw again") from error
        raise BootwrightError(
            f"{error.filename or venv} cannot be written: {error.strerror}",
            "sconsw needs a checkout that it may write to, for .venv and build: copy it to such a place",
        ) from error


def _names(requirements: Path) -> set[str]:
    """Returns the names of the packages that a list pins for this system."""
    pins = re.compile(r"^([a-z][\w.-]*)==[^;\n]*(?:; sys_platform (==|!=) '(\w+)')?", re.MULTILINE)
    found = pins.findall(requirements.read_text(encoding="utf-8"))
    return {name for name, sign, system in found if not sign or (sign == "==") is (system == sys.platform)}


def _environment(environ: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """Returns the environment of the installers, which leave their scratch files in scratch."""
    clean = {key: value for key, value in environ.items() if key not in LEADS_ASTRAY}
    clean.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PYTHONUTF8="1", TMPDIR=str(scratch))
    clean.setdefault("PIP_RETRIES", "3")  # the default of 5 is half a minute of silence without a network
    return clean


def compile_modules(home: Path, python: Path, environ: Mapping[str, str]) -> None:
    """Has python compile our modules and SCons's, so that PYTHONDONTWRITEBYTECODE, which containers set, costs nothing.

    What is compiled already is left as it is, and what cannot be written stays to be compiled at each start.
    """
    place = str(home / "site_scons")
    watched.watch([str(python), "-c", COMPILE, place], environ, lambda line: "")


def _empty(directory: Path) -> None:
    """Removes what is in directory, not itself: it may be a link or a mount that somebody put there."""
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _is_usable(python: Path, has_installer: bool, environ: Mapping[str, str]) -> bool:
    """Tells whether packages can be installed into the .venv of python: it starts, and has pip if nothing else does."""
    argv = [str(python), "-c", "import sys" if has_installer else "import pip"]
    return watched.watch(argv, environ, lambda line: None).status == 0


def _fill(
    venv: Path, python: Path, words: Sequence[str], uv: str | None, environ: Mapping[str, str], count: int,
    wheel: Path | None, again: bool = False,
) -> watched.Ended:  # fmt: skip
    """Installs words into venv; again: over what a killed installer may have left in parts."""
    pip = [*([str(wheel)] if wheel else ["-m", "pip"]), "install", *(["--ignore-installed"] if again else []), *words]
    ended = watched.Ended(1, ())
    if uv:
        for argv in (
            [uv, "venv", "--quiet", "--allow-existing", "--python", base_python(), str(venv)],
            [uv, "pip", "install", "--quiet", "--python", str(python), *(["--reinstall"] if again else []), *words],
        ):
            ended = watched.watch(argv, environ, lambda line: None)
            if ended.status:
                break
        if not ended.status or importlib.util.find_spec("ensurepip") is None:
            return ended
        tell(f"uv failed ({ended.lines[-1] if ended.lines else ended.status}); trying pip")
    if not python.exists() or not _is_usable(python, wheel is not None, environ):
        without = ["--without-pip"] if wheel else []
        ended = watched.watch([base_python(), "-m", "venv", *without, str(venv)], environ, lambda line: None)
        if ended.status:
            return ended
    return watched.watch([str(python), *pip], environ, _pip_progress(count))


def _pip_progress(count: int) -> Callable[[str], str | None]:
    collected = 0

    def progress(line: str) -> str | None:
        nonlocal collected
        if line.startswith("Collecting "):
            collected += 1
            return f"{collected} of {count}: {line.split()[1]}"
        if line.startswith("Installing collected"):
            return "writing them"
        return None if re.match(r"ERROR|WARNING|\S+Error|Traceback|error", line) else ""

    return progress


def failure(ended: watched.Ended, venv: Path, what: str = "the packages of Python") -> BootwrightError:
    """Returns the sentence for a pip or uv that failed to put what into venv."""
    again = "then start sconsw again; it repairs .venv by itself"
    if ended.said(watched.DISK_FULL):
        message = storage_space.full(venv, f"{what} cannot be installed", PACKAGES)
        return ended.error(message, f"free some, {again}")
    if ended.said(watched.READ_ONLY):
        return ended.error(f"{venv} cannot be written", f"copy the checkout to a place where you may write, {again}")
    if ended.said(watched.NO_NETWORK):
        return ended.error(
            f"{what} cannot be fetched: no package index answers",
            f"connect to the network, or name a mirror in PIP_INDEX_URL, {again}",
        )
    return ended.error(f"the installation of {what} failed with status {ended.status}", f"cure that, {again}")
