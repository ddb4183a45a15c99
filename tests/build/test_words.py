"""A new word of the command line, as setup/README.md says how to add one."""

from __future__ import annotations

from tests.build.checkouts import Checkout

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
