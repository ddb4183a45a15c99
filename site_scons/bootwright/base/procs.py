"""Running a program to its end: a list of arguments, an allow-listed environment, and a failure that can be pasted."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record

# What a program may see of the person's environment: what it cannot run without, and where rustup keeps its things.
# RUSTC_BOOTSTRAP, RUSTFLAGS, CARGO_* and their like are not here: they would change bytes unseen.
ALLOWED = (
    "PATH", "HOME", "XDG_CACHE_HOME", "TMPDIR", "TMP", "TEMP", "LANG", "LC_ALL", "TERM", "SYSTEMROOT", "SYSTEMDRIVE",
    "LOCALAPPDATA", "APPDATA", "PROGRAMFILES", "USERPROFILE", "PATHEXT", "COMSPEC", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN",
    "CARGO_HOME",
)  # fmt: skip
LAST_LINES = 20  # of a failed program's output; more is not read


@record(frozen=True)
class Ended:
    """How a program ended: its status (negative: the signal that killed it) and what it said."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    def error(self, what: str = "") -> BootwrightError:
        """Returns the sentence for a failure; what says what the program was to do."""
        program = Path(self.argv[0]).name
        ending = f"ended with status {self.status}" if self.status >= 0 else f"was killed by signal {-self.status}"
        said = (self.stderr.strip() or self.stdout.strip()).splitlines()[-LAST_LINES:]
        hint = "\n    ".join([f"the command was: {pasteable(self.argv)}", *said])
        return BootwrightError(f"{program} {ending}{f' {what}' if what else ''}", hint)


def allowed_environment(environ: Mapping[str, str], extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns what of environ reaches a program, and extra, which the caller sets."""
    allowed = {name: environ[name] for name in ALLOWED if name in environ}
    return {**allowed, **(extra or {})}


def pasteable(argv: Sequence[str]) -> str:
    """Returns argv as one line that this system's usual shell takes."""
    return subprocess.list2cmdline(argv) if sys.platform == "win32" else shlex.join(argv)


def attempt(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
    stdin: str = "",
) -> Ended:
    """Runs a program with what is allowed of env (default: os.environ) and extra; raises if it cannot be started."""
    environment = allowed_environment(os.environ if env is None else env, extra)
    try:
        process = subprocess.run(
            list(argv), cwd=cwd, env=environment, input=stdin, capture_output=True, encoding="utf-8", errors="replace"
        )
    except ValueError as error:  # no argument and no variable of a program can hold a NUL
        raise BootwrightError(f"{argv[0]} cannot be run: {error}") from error
    except OSError as error:
        raise BootwrightError(f"{argv[0]} cannot be run: {error.strerror or error}") from error
    return Ended(tuple(argv), process.returncode, process.stdout, process.stderr)


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
    stdin: str = "",
) -> str:
    """Like attempt, but returns what the program wrote to stdout and raises if it fails."""
    ended = attempt(argv, cwd=cwd, env=env, extra=extra, stdin=stdin)
    if ended.status != 0:
        raise ended.error()
    return ended.stdout


EXE = ".exe" if os.name == "nt" else ""


def find_on_path(name: str, environ: Mapping[str, str]) -> Path | None:
    """Returns the first executable of that name on PATH, or None.

    Debian hides sgdisk from users in sbin; and wine64, where the package wine with its 32-bit half is not installed.
    """
    places = environ.get("PATH", os.defpath).split(os.pathsep)
    if os.name == "nt":
        places.append(str(Path(environ.get("PROGRAMFILES", "C:\\Program Files")) / "qemu"))
    else:
        places += ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/wine"]
    path = shutil.which(name, path=os.pathsep.join(places))
    return Path(path) if path else None
