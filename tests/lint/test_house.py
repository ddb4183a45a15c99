"""The rules of the house that a program can check."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tests.lint.sources import HOME, is_python, tracked

from bootwright.setup import extras
from bootwright.setup.of_tests import SOAKED

COMPILED = {".o", ".a", ".so", ".elf", ".bin", ".img", ".rlib", ".rmeta", ".pyc", ".exe", ".efi", ".iso", ".dll"}
COMPILED_MAGIC = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"!<arch>")
COMMENT = {".rs": ("//!", "//"), ".ld": ("/*",), ".s": ("#", "//", "/*"), ".S": ("#", "//", "/*"), ".sh": ("#",)}
PLACES_OF_ONE_MACHINE = re.compile(r"/(?:wo[r]k|ro[o]t|ho[m]e)/|/tmp/[a-z]")
ROOMS = {"unit/hostile"}  # of SOAKED, what is a directory
LONGEST, LONGEST_IN_ROOMS = 400, 300


def named(paths: list[Path]) -> list[str]:
    """Returns paths as they read in the checkout."""
    return [str(path.relative_to(HOME)) for path in paths]


def first_line(path: Path) -> str:
    """Returns the first line that is not the one which names the interpreter, or an inner attribute of Rust."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#!/") and not line.startswith("#!["):
            return line
    return ""


def test_no_compiled_file_is_tracked() -> None:
    found = []
    for path in tracked():
        with path.open("rb") as stream:
            if path.suffix in COMPILED or stream.read(8).startswith(COMPILED_MAGIC):
                found.append(path)
    assert named(found) == []


def test_every_source_begins_with_its_subtitle() -> None:
    without = []
    for path in tracked():
        if path.suffix in COMMENT:
            beginnings = COMMENT[path.suffix]
        elif is_python(path) and path.suffix != ".pyi" and path.name != "__init__.py":
            beginnings = ('"""', 'r"""')
        else:
            continue
        if not first_line(path).startswith(beginnings):
            without.append(path)
    assert named(without) == []


def imports(path: Path) -> set[str]:
    """Returns the first words of the modules that a Python file imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


def test_the_package_never_imports_scons() -> None:
    package = tracked("site_scons/bootwright/*.py", ":!site_scons/bootwright/graph")
    assert package
    assert named([path for path in package if imports(path) & {"SCons", "site_tools"}]) == []


def test_tools_for_scons_hold_no_byte_offset() -> None:
    tools = tracked("site_scons/site_tools/*.py")
    assert tools
    found = []
    for path in tools:
        numbers = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and type(node.value) is int
        ]
        if "struct" in imports(path) or any(number >= 128 for number in numbers):
            found.append(path)
    assert named(found) == []


def test_no_place_of_one_machine_is_named() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(HOME)}: {match[0]}" for match in PLACES_OF_ONE_MACHINE.finditer(text)]
    assert found == []


def test_no_source_is_so_long_that_it_is_two() -> None:
    sources = [path for path in tracked() if is_python(path) or path.suffix in (".rs", ".s", ".S")]
    too_long = []
    for path in sources:
        limit = LONGEST_IN_ROOMS if path.is_relative_to(HOME / "site_scons") else LONGEST
        too_long += [path] if len(path.read_text(encoding="utf-8").splitlines()) > limit else []
    assert named(too_long) == []


PIN = re.compile(r"^([\w.-]+)==([^ ;]+)( ; .*?)? \\\n(?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    """Returns the version of each package of a list, which holds nothing else, each with its digests."""
    text = path.read_text(encoding="utf-8")
    assert not re.sub(r"^#.*\n", "", PIN.sub("", text), flags=re.MULTILINE), path
    return {name: version for name, version, _ in PIN.findall(text)}


def test_a_change_of_the_pins_reaches_requirements() -> None:
    import tomllib

    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = pins(HOME / "requirements.txt")
    sets = {name: pins(HOME / "requirements" / f"{name}.txt") for name in extras.FOR}
    assert project["optional-dependencies"].keys() == sets.keys()
    for name, locked in {"": base, **sets}.items():
        for wish in project["optional-dependencies"][name] if name else project["dependencies"]:
            package, _, version = wish.partition(";")[0].strip().partition("==")
            assert locked[package] == version, wish
    anywhere = [marker for _, _, marker in PIN.findall((HOME / "requirements.txt").read_text()) if not marker]
    assert f"gets {len(anywhere)} Python packages" in (HOME / "docs" / "setup.md").read_text(encoding="utf-8")
    for locked in sets.values():  # all go into one .venv
        assert base.items() <= locked.items()
        shared = [(name, other) for other in sets.values() for name in other.keys() & locked.keys()]
        assert [name for name, other in shared if other[name] != locked[name]] == []


@pytest.mark.parametrize("name", ["sconsw", ".ci/run", "tools/doctor", "tools/bench", "tools/flash"])
def test_programs_have_their_run_bit(name: str) -> None:
    assert (HOME / name).stat().st_mode & 0o111


NAMED = re.compile(r"\b(?:docs|site_scons|tests|tools|linker|bootloader|kernel)/[\w./-]+\.(?:py|md|toml|rs|ld|s)\b")
BY_ROOM = re.compile(r"`((?:\w+/)?\w+\.py)`")


def test_every_file_that_a_readme_names_is_there() -> None:
    missing = []
    for readme in tracked("README.md", "*/README.md", "**/README.md", "docs/*.md"):
        text = readme.read_text(encoding="utf-8")
        missing += [f"{readme.relative_to(HOME)}: {name}" for name in NAMED.findall(text)
                    if not any((place / name).exists() for place in (HOME, readme.parent))]  # fmt: skip
        if readme.is_relative_to(HOME / "site_scons"):  # there a module is named by its room, or in its own
            places = [readme.parent, HOME / "site_scons", HOME / "site_scons" / "bootwright"]
            named = [name for name in BY_ROOM.findall(text) if "NAME" not in name]
            missing += [f"{readme.relative_to(HOME)}: {n}" for n in named if not any((p / n).exists() for p in places)]
    assert missing == []


def test_what_takes_longer_with_soak_is_a_part_of_scons_soak() -> None:
    places = [
        HOME / "tests" / f"{room}/test_{name}.py" for room, name in (p.split("/") for p in SOAKED if p not in ROOMS)
    ]
    places += [HOME / "tests" / room for room in SOAKED if room in ROOMS]
    assert named([path for path in places if not path.exists()]) == []
    # By the option, by the fixture of its name, or by what tries many hostile cases.
    asks = re.compile(r'"--soak"|\bsoak: bool\b|import .*\battack\b')
    tests = [path for path in (HOME / "tests").rglob("test_*.py") if path.name != "test_house.py"]
    longer = [path for path in tests if asks.search(path.read_text(encoding="utf-8"))]
    assert len(longer) > 2
    assert named([path for path in longer if not any(path.is_relative_to(place) for place in places)]) == []


READS_OWN = {"cargo/ghost.py"}  # runs in a compiler's place, without this package


def test_what_a_person_may_have_put_there_is_read_as_a_regular_file() -> None:
    """A FIFO is waited for and a device has no end, so these rooms read through base/regular.py alone."""
    found = []
    for room in ("cargo", "storage"):
        for path in sorted((HOME / "site_scons" / "bootwright" / room).glob("*.py")):
            if f"{room}/{path.name}" in READS_OWN:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and reads_a_file(node):
                    found.append(f"{room}/{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def reads_a_file(call: ast.Call) -> bool:
    """Tells whether the call is open() for reading, or a method that opens, of what is no module of ours."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) in ("regular", "os", "tarfile"):
        return False
    if name in ("read_text", "read_bytes"):
        return isinstance(call.func, ast.Attribute)
    modes = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    modes += [word.value.value for word in call.keywords if word.arg == "mode" and isinstance(word.value, ast.Constant)]
    return name == "open" and not any(str(mode)[:1] in "awx" for mode in modes)
