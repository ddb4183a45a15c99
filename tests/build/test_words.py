"""What is added to the command line as the READMEs say how: a word, a variable, a program, a Tool."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.checkouts import HOME, Checkout

VERBS, REPORTS = "site_scons/bootwright/setup/verbs.py", "site_scons/site_tools/reports.py"
ROW = '    Verb("bell", "ring", "Bell", needs=(), kernels=False),\n'
METHOD = '''
def add_bell(env: Environment, name: str, kernels: Sequence[KernelNodes]) -> None:
    """Adds the alias that rings."""
    record(env, name, [], lambda: print("ding") or 7)


def generate('''
PROBE = """
import sys
sys.path.insert(0, "site_scons")
from bootwright.setup.needs import needed_programs
print(needed_programs(["bell"]))
"""


def test_a_word_is_one_row_and_a_method(checkout: Checkout) -> None:
    assert "there is no target bell" in checkout.refuse("bell")
    checkout.edit(VERBS, "VERBS = (\n", f"VERBS = (\n{ROW}")
    checkout.edit(REPORTS, "\ndef generate(", METHOD)
    checkout.edit(REPORTS, "    env.AddMethod(", '    env.AddMethod(add_bell, "Bell")\n    env.AddMethod(', count=1)
    built = checkout.scons("bell")
    assert (built.status, built.output) == (7, "ding\n")
    assert "  scons bell        ring\n" in checkout.scons("-h").output
    assert "did you mean bell?" in checkout.refuse("bel")
    assert "bell and doctor: only one of these at a time" in checkout.refuse("bell", "doctor")
    assert checkout.python(PROBE) == "()\n"


WORDS, TAKEN, PROGRAMS = (f"site_scons/bootwright/setup/{name}.py" for name in ("words", "taken", "programs"))
TOOL = '''"""The Tool of a bell: its tone in a file. Builder: Bell. Method: env.Bell(alias, kernels). Uses: TONE."""

from pathlib import Path

from SCons.Builder import Builder

from bootwright.base import atomic
from bootwright.graph.actions import action, modules


def ring(target, source, env):
    with atomic.new_file(Path(target[0].abspath)) as file:
        file.write_text(f"ding {env['TONE']}")


def add_bell(env, name, kernels):
    bell = env.BellFile(f"{env['BUILD']}/bell.txt", [])
    env.Depends(bell, modules(env, "base/atomic"))
    env.Alias(name, bell)


def generate(env):
    env.SetDefault(BELLCOM="bell $TARGET", BELLSHORT="bell     $TARGET")
    env["BUILDERS"]["BellFile"] = Builder(action=action(ring, "BELLCOM", ["TONE"]))
    env.AddMethod(add_bell, "Bell")


def exists(env):
    return True
'''
PROBE_OF_A_PROGRAM = """
import sys
sys.path.insert(0, "site_scons")
from bootwright.setup import packagers
from bootwright.setup.needs import needed_programs
from bootwright.setup.programs import System
print(needed_programs(["bell"]), packagers.command(["chime"], System.DNF))
"""


def test_a_tool_with_a_variable_and_a_program_is_a_file_and_a_row_for_each(checkout: Checkout) -> None:
    (checkout.path / "site_scons/site_tools/bell.py").write_text(TOOL)
    checkout.edit("SConstruct", 'TOOLS = "', 'TOOLS = "bell ')
    verb = ROW.replace("needs=()", 'needs=("chime",), starts=False')
    checkout.edit(VERBS, "VERBS = (\n", f"VERBS = (\n{verb}")
    checkout.edit(WORDS, "VARIABLES = (\n", 'VARIABLES = (\n    Variable("TONE", "c", "the tone", ("c", "g")),\n')
    checkout.edit(TAKEN, "str, ...]] = {\n", 'str, ...]] = {\n    "TONE": ("bell",),\n')
    row = 'Program("chime", "chimes", "bell", packages=_packages(*["chimes"] * 7)),'
    checkout.edit(PROGRAMS, "    for program in (\n", f"    for program in (\n        {row}\n", count=1)
    for tone in ("g", "g", "c"):
        built = checkout.scons("bell", f"TONE={tone}")
        assert built.status == 0 and (checkout.path / "build/bell.txt").read_text() == f"ding {tone}", built.output
    assert "bell.txt" in built.output
    assert "is up to date" in checkout.scons("bell").output
    assert "TONE=h" in (refused := checkout.refuse("bell", "TONE=h")) and "is none of c, g" in refused
    assert re.search(r"^  TONE .*the tone", checkout.scons("-h").output, re.MULTILINE)
    assert checkout.scons("verify").output.endswith("/build is what was built\n")
    assert checkout.python(PROBE_OF_A_PROGRAM) == "('chime',) sudo dnf install chimes\n"


@pytest.mark.parametrize("word", ["-headless", "-cargo", "-list", "-json=x", "-verbose"])
def test_a_switch_with_one_dash_is_told_before_scons_obeys_its_letters(word: str) -> None:
    said = subprocess.run([sys.executable, HOME / "sconsw", "run", word], capture_output=True, text=True, timeout=60)
    name = word.partition("=")[0]
    sentence = f"sconsw: {word} is several switches of one letter each\n  hint: did you mean -{name}?\n"
    assert (said.returncode, said.stdout, said.stderr) == (2, "", sentence)


def test_a_variable_that_nothing_takes_is_refused_before_anything_is_built(checkout: Checkout) -> None:
    assert "hint: did you mean help?" in checkout.refuse("hlep")
    refused = "bootwright: MEMORY=12KB is no size that QEMU takes\n  hint: a number with k, M or G behind it, as in"
    assert checkout.refuse("run", "MEMORY=12KB").startswith(refused)
    assert checkout.refuse("DEV=/dev/sdx") == "bootwright: DEV=/dev/sdx is for `scons usb`\n"
    assert "SERIAL=f is for kernels: a program for linux-" in checkout.refuse("run", "HOST=linux", "SERIAL=f")
    refused = checkout.refuse("TARGET=thumbv7em-none-eabihf", f"KERNEL={checkout.path}/kernel", "RAMDISK=f")
    assert "RAMDISK=f is for x86-64 kernels: for thumbv7em-none-eabihf there is no disk" in refused
    assert "`scons -c` removes all that was made" in checkout.refuse("-c", "VARIANT=release")
    assert not (checkout.path / "build" / "debug").exists()


def test_a_name_that_is_not_utf_8_is_a_sentence(checkout: Checkout, package: Path) -> None:
    place = package.parent / os.fsdecode(b"d\xe9p")
    shutil.copytree(package, place)
    refused = checkout.refuse(f"KERNEL={place}")
    assert f"KERNEL={package.parent}/d\\xe9p is not UTF-8, and cargo and rustc take no other names" in refused
    (checkout.path / os.fsdecode(b"n\xe9.img")).touch()
    assert "there is no target ./n" in checkout.refuse(os.fsdecode(b"./n\xe9.img"))


def test_output_that_nobody_reads_or_that_has_no_room_is_no_traceback(checkout: Checkout) -> None:
    scons = [sys.executable, "-m", "SCons", "-Q", "-C", str(checkout.path)]
    command = [*scons, "store"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(checkout.path.parent)}

    def said_to(out: int) -> tuple[int, str]:
        ended = subprocess.run(command, env=environment, stdout=out, stderr=subprocess.PIPE, text=True, timeout=120)
        return ended.returncode, ended.stderr

    reading, writing = os.pipe()
    os.close(reading)
    assert said_to(writing) == (141, "")
    os.close(writing)
    with Path("/dev/full").open("w") as full:
        assert said_to(full.fileno()) == (1, "bootwright: what is printed cannot be written: No space left on device\n")
    read_a_line = ["sh", "-c", '{ "$@"; echo $? >&2; } | head -1', "sh", *scons, "-h"]
    ended = subprocess.run(read_a_line, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.stderr in ("0\n", "141\n")  # as fast as head is
    for words in ("<&- >&- 2>&-", ">&-", "2>&-"):  # -C has SCons speak before anything of ours runs
        closed = ["sh", "-c", f'exec "$@" {words}', "sh", *scons[:4], "store"]
        ended = subprocess.run(closed, cwd=checkout.path, env=environment, capture_output=True, text=True, timeout=120)
        assert (ended.returncode, ended.stderr) == (0, "")
