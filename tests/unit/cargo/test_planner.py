"""Units of recorded calls: cargo makes several calls at once, and the plan does not show which came first."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from bootwright.cargo import planner
from bootwright.cargo.ghost import Call
from bootwright.cargo.room import Room

ROOM = Room(Path("/plan/key"))
PACKAGE = {"CARGO_MANIFEST_DIR": "/kernel", "CARGO_PKG_NAME": "kernel", "CARGO_PKG_VERSION": "1.0.0"}


def compilation(name: str, crate: str, *more: str, kind: str = "lib", **environment: str) -> Call:
    out = f"{ROOM.target}/debug/deps"
    words = ("--crate-name", crate, f"src/{crate}.rs", "--crate-type", kind, "--out-dir", out, "--emit=link", *more)
    return Call(name, "rustc", "/kernel", words, {**PACKAGE, **environment})


def test_each_unit_comes_after_what_it_takes_in_whichever_order_cargo_called() -> None:
    script = Call(
        "7_0", "script", "/kernel", ("build",), {**PACKAGE, "OUT_DIR": f"{ROOM.target}/debug/build/kernel/out"}, "6_0"
    )
    calls = [
        compilation("1_0", "kernel", "--extern", f"zeros={ROOM.target}/debug/deps/libzeros.rlib", kind="bin"),
        compilation("2_0", "zeros", "--extern", f"noprelude:ones={ROOM.target}/debug/deps/libones.rmeta"),
        compilation("3_0", "ones", "--cfg", script.mark),
        compilation("6_0", "build_script_build", kind="bin"),
        compilation("8_0", "above", **{f"DEP_KERNEL_{script.mark.upper()}": ""}),
        script,
    ]
    plans = []
    for order in permutations(calls):
        reader = planner._Reader(ROOM, {}, Path("/library"), {}, {})
        plans.append([unit.name.rpartition("/")[2] for unit in reader.plan(order, ()).units])
    assert all(plan == plans[0] for plan in plans)
    first = plans[0].index
    assert first("build_script_build") < first("out") < first("ones") < first("zeros") < first("kernel")
    assert first("out") < first("above") and len(plans[0]) == len(calls)
