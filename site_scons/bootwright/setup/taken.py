"""Which words take which variables and switches: said with others, or with none, one would be passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bootwright.base.errors import BootwrightError
from bootwright.setup.verbs import BY_WORD, VERBS

NO_WORD = ""  # scons alone, or a file of the kernel's
ANY = "*"
BUILDS = (NO_WORD, *(verb.word for verb in VERBS if verb.kernels), "hosts")
KERNELS = tuple(word for word in BUILDS if word != "hosts")
MACHINES = ("run", "screenshot", "gdb", "test")

# By the name of a variable, or of a switch with its dashes. What is not here is for what builds.
TAKEN: Mapping[str, tuple[str, ...]] = {
    "KERNEL": (ANY,),  # which sconsw adds in a package's directory, as it does TARGET
    "TARGET": (ANY,),
    "BUILD": (ANY,),
    "RUSTC": (*BUILDS, "doctor"),
    "ACTIVE": KERNELS,
    "RAMDISK": KERNELS,
    "FIRMWARE": MACHINES,
    "SIGN": KERNELS,
    "SIGN_KEY": KERNELS,
    "SIGN_CERT": KERNELS,
    "QEMU": (*MACHINES, "matrix"),
    "QEMUFLAGS": MACHINES,
    "MEMORY": MACHINES,
    "TIMEOUT": ("run", "screenshot", "test", "hosts", "matrix"),
    "SERIAL": ("run",),
    "RAW": ("run",),
    "TESTS": ("test",),
    "SHARD": ("test", "matrix"),
    "ROW": ("matrix",),
    "POOL": ("test",),
    "POOL_CA": ("test",),
    "POOL_CERT": ("test",),
    "BOARD": ("run", "test"),
    "BOARD_WAIT": ("run", "test"),
    "DEV": ("usb",),
    "YES": ("usb",),
    "BIG": ("usb",),
    "LOOP": ("usb",),
    "UNMOUNT": ("usb",),
    "PRUNE": ("store",),
    "IMAGE": ("push", "pull"),
    "--headless": MACHINES,
    "--cd": ("run", "screenshot", "gdb"),
    "--fast": MACHINES,
    "--full": MACHINES,
    "--check": ("store",),
    "--list": ("test",),
    "--json": ("doctor", "usb", "test"),
    "--junit": ("test", "matrix"),
    "--retries": ("test",),
    "--stress": ("test",),
    "--cargo": BUILDS,
    "--explain": BUILDS,
    "--verbose": (ANY,),
    "--private": (ANY,),
    "--system": (ANY,),
}
WITH_VALUE = ("--junit", "--retries", "--stress")  # whose value may be the next word
SWITCHES = tuple(name for name in TAKEN if name.startswith("--"))  # those of setup/words.py
# What is about a kernel's image or its machine, and so not about a program for a host; what of it boards do without.
OF_KERNELS = (
    "ACTIVE", "RAMDISK", "SIGN", "SIGN_KEY", "SIGN_CERT", "FIRMWARE", "QEMU", "QEMUFLAGS", "MEMORY", "SERIAL", "RAW",
)  # fmt: skip
OF_VIRTUAL = ("QEMU", "QEMUFLAGS", "MEMORY", "FIRMWARE", "POOL", "--fast", "--full", "--cd")
OF_THE_PC = ("ACTIVE", "RAMDISK", "SIGN", "SIGN_KEY", "SIGN_CERT")


def check_taken(wanted: Sequence[str], given: Mapping[str, str], clean: bool) -> None:
    """Raises for a variable or a switch that none of the words wanted takes.

    given are those that were said and are not their default, with their values ("" of a switch); clean is scons -c.
    """
    if clean and wanted:
        raise BootwrightError(f"scons -c {' '.join(wanted)}: `scons -c` removes all that was made, and takes no word")
    words = {word if word in BY_WORD else NO_WORD for word in wanted} or {NO_WORD}
    for name, value in given.items():
        said = name if name.startswith("--") else f"{name}={value}"
        takes = TAKEN.get(name, BUILDS)
        if ANY in takes:
            continue
        if clean:
            raise BootwrightError(f"{said}: `scons -c` removes all that was made, whichever kernel's and variant's")
        if words.isdisjoint(takes):
            raise BootwrightError(f"{said} is for {_told(takes)}")


def check_doubled(arguments: Sequence[str]) -> None:
    """Raises where arguments, a command line, say two values for one variable or switch: one would be passed over.

    So would a switch that says none. NAME= says nothing to what follows it, as KERNEL= in a package's directory, whose
    KERNEL sconsw adds.
    """
    seen: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        name, equals, value = word.partition("=")
        if name in WITH_VALUE and not equals:
            value = next(rest, "")
        elif not equals and name != "--json":
            continue
        if not value and (name in WITH_VALUE or (equals and name in SWITCHES)):
            raise BootwrightError(f"{word} is without its value", "a variable of the shell may not be set")
        if not seen.get(name):
            seen[name] = value
        elif seen[name] != value:
            said = " and ".join(f"{name}={one}" for one in (seen[name], value))
            raise BootwrightError(f"{said}: one of them at a time")


def check_together(wanted: Sequence[str], given: Mapping[str, str]) -> None:
    """Raises for a word without the variable that it needs, and for what goes with another one, or against it.

    given are those that were said, on the command line or in a file, and are not their default.
    """
    if "ROW" in given and "SHARD" in given:
        raise BootwrightError(f"ROW={given['ROW']} and SHARD={given['SHARD']}: one of them says which rows")
    for word in TAKEN["IMAGE"]:
        if word in wanted and "IMAGE" not in given:
            raise BootwrightError(f"`scons {word}` needs IMAGE=registry/name:tag, the name in a registry")
    if "YES" in given and "DEV" not in given:
        raise BootwrightError(f"YES={given['YES']} goes with DEV=, which names the disk")
    if ("SIGN_KEY" in given) != ("SIGN_CERT" in given):
        raise BootwrightError("SIGN_KEY= and SIGN_CERT= go together: a signature holds its key's certificate")
    if "SIGN_KEY" in given and "SIGN" in given:
        raise BootwrightError(f"SIGN=1 and SIGN_KEY={given['SIGN_KEY']}: one of them says the key")
    for name in ("CACHE_WRITE", "CACHE_CA", "CACHE_CREDENTIALS", "--explain"):
        if name in given and "CACHE" not in given:
            said = f"{name}={given[name]}" if given[name] else name
            raise BootwrightError(f"{said} is about a shared cache, and CACHE= names none")
    for name in ("POOL_CA", "POOL_CERT"):
        if name in given and "POOL" not in given:
            raise BootwrightError(f"{name}={given[name]} is about a pool of test machines, and POOL= names none")
    _check_place(given)
    if "--retries" in given and "--stress" in given:
        raise BootwrightError("--retries and --stress: what one of them hides, the other looks for")
    if "PRUNE" in given and "--check" in given:
        raise BootwrightError(f"PRUNE={given['PRUNE']} and --check: one of them at a time")


def _check_place(given: Mapping[str, str]) -> None:
    """Raises for what says of which kind a machine is, where BOARD= names one that there is."""
    if "BOARD" not in given:
        if "BOARD_WAIT" in given:
            raise BootwrightError(f"BOARD_WAIT={given['BOARD_WAIT']} is about a board in a rack, and BOARD= names none")
        return
    for name in OF_VIRTUAL:
        if name in given:
            said = f"{name}={given[name]}" if given[name] else name
            raise BootwrightError(f"{said} is about a virtual machine, and BOARD={given['BOARD']} names a board")


def check_untouched(names: Sequence[str], given: Mapping[str, str], why: str) -> None:
    """Raises for one of names that was given, since what is built has no use for it; why ends the sentence."""
    for name in names:
        if given.get(name):
            raise BootwrightError(f"{name}={given[name]} is for {why}")


def _told(takes: Sequence[str]) -> str:
    """Returns words as a sentence names them."""
    if NO_WORD in takes:
        return "words that build a kernel"
    named = [f"`scons {word}`" for word in takes]
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
