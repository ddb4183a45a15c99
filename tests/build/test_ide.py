"""`scons ide`: each crate compiles as rust-project.json says, a build keeps that current, gdb starts by launch.json."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.build.checkouts import Checkout

from bootwright.rust.build_tools import Question, find_tools
from bootwright.storage.store import Store

pytestmark = pytest.mark.needs("cc")
OLD = Path(__file__).resolve().parents[1] / "kernels/packages/ticker/x86_64-old.json"
STEPS = ("setupCommands", "postRemoteConnectCommands")
MANIFEST = """[package]
name = "reader"
version = "1.2.3"
edition = "2021"

[dependencies]
macros = { path = "macros" }

[features]
loud = []

[[test]]
name = "boots"
harness = false

[profile.dev]
panic = "abort"

[workspace]
members = ["macros", "shared", "tool"]
"""
MACROS = '[package]\nname = "macros"\nversion = "0.1.0"\nedition = "2024"\n\n[lib]\nproc-macro = true\n'
FILES = {
    "Cargo.toml": MANIFEST,
    # Which a stable compiler takes as the build has it do.
    ".cargo/config.toml": '[build]\nrustflags = ["-Z", "unstable-options"]\n',
    "macros/Cargo.toml": MACROS,
    "macros/src/lib.rs": """extern crate proc_macro;
use proc_macro::TokenStream;
#[proc_macro]
pub fn seven(_: TokenStream) -> TokenStream {
    "7u32".parse().unwrap()
}
""",
    "build.rs": """fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    std::fs::write(format!("{out}/table.rs"), "pub const TABLE: [u32; 2] = [1, 2];").unwrap();
    println!("cargo::rustc-check-cfg=cfg(from_script)\\ncargo::rustc-cfg=from_script");
    println!("cargo::rustc-env=FROM_SCRIPT=said");
    println!("cargo::rerun-if-changed=build.rs");
}
""",
    "src/lib.rs": """#![no_std]
extern crate alloc;
include!(concat!(env!("OUT_DIR"), "/table.rs"));
#[cfg(from_script)]
pub const SAID: &str = env!("FROM_SCRIPT");
pub fn sum() -> u32 {
    TABLE[0] + macros::seven!() + alloc::vec::Vec::<u8>::new().len() as u32
}
#[cfg(not(target_os = "none"))]
compile_error!("this is not the target's");
""",
    "src/main.rs": """#![no_std]
#![no_main]
use core::alloc::{GlobalAlloc, Layout};
struct Nothing;
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 { core::ptr::null_mut() }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
#[global_allocator]
static NOTHING: Nothing = Nothing;
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
#[no_mangle]
pub extern "C" fn _start() -> ! {
    let _ = (reader::sum(), reader::SAID, env!("CARGO_PKG_VERSION"));
    loop {}
}
""",
}
# Members of the workspace that the kernel does not take: a program for the builder, and what it shares with others.
FILES |= {
    "shared/Cargo.toml": '[package]\nname = "shared"\nversion = "0.3.0"\nedition = "2024"\n\n[features]\nwide = []\n',
    "shared/src/lib.rs": """#![no_std]
#[cfg(feature = "wide")]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
#[cfg(not(target_os = "none"))]
pub fn hosted() {}
""",
    "tool/Cargo.toml": """[package]
name = "tool"
version = "0.1.0"
edition = "2024"

[dependencies]
common = { package = "shared", path = "../shared", features = ["wide"] }
macros = { path = "../macros" }
""",
    "tool/src/main.rs": """fn main() {
    common::hosted();
    println!("{} {}", common::VERSION, macros::seven!());
}
""",
    "tool/tests/works.rs": "#[test]\nfn works() {\n    assert_eq!(macros::seven!(), 7);\n}\n",
}
FILES["tests/boots.rs"] = FILES["src/main.rs"]


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A kernel with a library, a build script, a procedural macro and a program of tests."""
    for name, text in FILES.items():
        path = tmp_path / "reader" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "reader"


def compile_as_it_says(project: dict[str, Any], checkout: Checkout, scratch: Path) -> list[str]:
    """Compiles each crate with what the project says of it, and nothing else; returns their names, in its order."""
    compiler = find_tools(Question(checkout.path / "kernel", "x86_64-unknown-none", None), os.environ).toolchain.rustc
    keys = [path.parent.name for path in (checkout.path / "build/sysroot").glob("*/manifest")]
    core = [f"--sysroot={Store().path('sysroot', key)}" for key in keys]
    crates, made = project["crates"], dict[int, Path]()

    def compiled(number: int) -> Path:
        if number not in made:
            crate = crates[number]
            externs = [f"--extern={dep['name']}={compiled(dep['crate'])}" for dep in crate["deps"]]
            if crate["is_proc_macro"]:
                assert Path(crate["proc_macro_dylib_path"]).is_file()
            kind = (
                "proc-macro" if crate["is_proc_macro"] else "bin" if crate["build"]["target_kind"] != "lib" else "lib"
            )
            product = scratch / f"lib{crate['display_name']}-{number}.rmeta"
            macros = [Path(one["proc_macro_dylib_path"]).parent for one in crates if one["is_proc_macro"]]
            searched = [f"-Ldependency={place}" for place in (scratch, *macros)]
            bare = crate["target"].endswith("-none")
            command = [
                str(compiler), crate["root_module"], f"--crate-name={crate['display_name']}", f"--crate-type={kind}",
                f"--edition={crate['edition']}", "--emit=metadata", f"--target={crate['target']}",
                f"-o{product}", *searched, *(["--test"] if "test" in crate["cfg"] and not bare else []),
                *(f"--cfg={cfg}" for cfg in crate["cfg"]), "-Aexplicit_builtin_cfgs_in_flags", "-Aunexpected_cfgs",
                "-Dwarnings", *externs, *(core if bare else []), *(["-Cpanic=abort"] if bare else []),
                *(["--extern=proc_macro"] if crate["is_proc_macro"] else []),
            ]  # fmt: skip
            done = subprocess.run(command, env=crate["env"], capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr
            made[number] = Path(crate["proc_macro_dylib_path"]) if crate["is_proc_macro"] else product
        return made[number]

    for number in range(len(crates)):
        compiled(number)
    return [f"{crate['display_name']} {crate['build']['target_kind']}" for crate in crates]


def read(kernel: Path) -> dict[str, Any]:
    """Returns what the package's file holds."""
    return dict(json.loads((kernel / "rust-project.json").read_text()))


def test_each_crate_compiles_as_the_file_says_and_builds_keep_it_so(
    checkout: Checkout, kernel: Path, tmp_path: Path
) -> None:
    place, words = kernel / "rust-project.json", f"KERNEL={kernel}"
    checkout.build(words)
    assert sorted(path.name for path in kernel.iterdir()) == sorted({name.partition("/")[0] for name in FILES})
    checkout.build("ide", words)
    project = read(kernel)
    names = compile_as_it_says(project, checkout, tmp_path)
    assert sorted(names) == [
        "boots test", "build_script_build bin", "macros lib", "reader bin", "reader lib",
        "shared lib", "shared lib", "tool bin", "works test",
    ]  # fmt: skip
    targets = {crate["target"] for crate in project["crates"] if crate["display_name"] == "shared"}
    assert targets == {"x86_64-unknown-none", project["crates"][names.index("tool bin")]["target"]}
    library = next(crate for crate in project["crates"] if crate["root_module"] == str(kernel / "src/lib.rs"))
    assert library["env"]["FROM_SCRIPT"] == "said" and "from_script" in library["cfg"]
    assert library["env"]["OUT_DIR"] in library["source"]["include_dirs"]
    assert [path.name for path in sorted((kernel / ".vscode").iterdir())] == [
        "launch.json",
        "settings.json",
        "tasks.json",
    ]

    # What a build finds to be another is written, and nothing else is.
    before = place.stat().st_mtime_ns
    assert f"{place} is brought up to date" not in checkout.scons(words).output
    assert place.stat().st_mtime_ns == before
    (kernel / "Cargo.toml").write_text(
        MANIFEST.replace("1.2.3", "1.2.4").replace("loud = []", 'loud = []\ndefault = ["loud"]')
    )
    (kernel / "tests/more.rs").write_text(FILES["src/main.rs"])
    assert f"{place} is brought up to date" in checkout.scons(words).output
    project = read(kernel)
    assert "more test" in compile_as_it_says(project, checkout, tmp_path)
    assert {crate["version"] for crate in project["crates"]} == {"1.2.4", "0.1.0", "0.3.0"}
    assert 'feature="loud"' in project["crates"][0]["cfg"]
    for _ in range(2):  # the first is watched, the second answered
        assert "is brought up to date" not in checkout.scons(words).output
    others = json.dumps({"bootwright": str(kernel / "shared"), "crates": []})  # as if that were a kernel as well
    place.write_text(others)
    assert "is brought up to date" not in checkout.scons(words).output
    assert place.read_text() == others
    place.write_text(json.dumps({"bootwright": str(kernel / "gone"), "crates": []}))
    assert f"{place} is brought up to date" in checkout.scons(words).output
    assert read(kernel) == project

    # What is somebody's own stays.
    place.write_text('{"crates": []}')
    (kernel / ".vscode/tasks.json").write_text("{}")
    assert f"{place} is not of bootwright's making" in checkout.refuse("ide", words)
    checkout.build(words)
    assert place.read_text() == '{"crates": []}'
    place.unlink()
    said = checkout.scons("ide", words).output
    assert f"{kernel / '.vscode/tasks.json'} was there, and stays as it is" in said
    assert (kernel / ".vscode/tasks.json").read_text() == "{}" and read(kernel) == project


def test_an_editor_checks_a_kernel_whose_specification_stable_cargo_refuses(checkout: Checkout, package: Path) -> None:
    shutil.copy(OLD, package)
    (package / ".cargo").mkdir()
    config = f'build.target = "{OLD.name}"\nunstable.build-std = ["core", "compiler_builtins"]\n'
    (package / ".cargo/config.toml").write_text(config)
    checkout.build("ide", f"KERNEL={package}")
    settings = json.loads((package / ".vscode/settings.json").read_text())
    cargo, *words = settings["rust-analyzer.check.overrideCommand"]
    more = settings["rust-analyzer.check.extraEnv"]

    def plan(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        # What cargo would compile, core among it: it has asked rustc about the target by then.
        command = (cargo, "-Zunstable-options", *command, "--unit-graph")
        return subprocess.run(command, cwd=package, env={**os.environ, **variables}, capture_output=True, text=True)

    planned = plan(*words, **more)
    assert planned.returncode == 0, planned.stderr
    assert {"core", "reader"} <= {unit["target"]["name"] for unit in json.loads(planned.stdout)["units"]}
    assert plan("check", **more).returncode != 0, "this cargo takes the old specification as it is"


@contextmanager
def machine(command: list[str], cwd: Path, pattern: str) -> Iterator[None]:
    """Starts a task as an editor does, waits until it says pattern, and ends it."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout
        try:
            for line in process.stdout:
                said.write(line)
                if re.search(pattern, line):
                    break
            else:
                said.seek(0)
                pytest.fail(said.read())
            yield
        finally:
            process.terminate()
            process.stdout.close()
            process.wait(30)


@pytest.mark.needs("gdb", "qemu-system-x86_64")
def test_an_editor_checks_the_example_and_stops_at_its_first_instruction(built: Checkout, tmp_path: Path) -> None:
    kernel = built.path / "kernel"
    assert built.build("ide")[-1:] == []
    names = compile_as_it_says(read(kernel), built, tmp_path)
    assert sorted(names) == ["boots test", "hello bin", "hello bin", "hello lib", "hello lib", "should_panic test"]
    # As an editor does without that file, and as it does with the settings that were written.
    settings = json.loads((kernel / ".vscode/settings.json").read_text())
    tools = Path(__file__).resolve().parents[2] / "tools"
    shutil.copytree(tools, built.path / "tools", ignore=shutil.ignore_patterns("soaking", "__pycache__"))
    for command in (
        ["cargo", "check", "--workspace", "--all-targets"],
        settings["rust-analyzer.check.overrideCommand"],
    ):
        done = subprocess.run(command, cwd=kernel, capture_output=True, text=True, timeout=300)
        assert (done.returncode, "warning" in done.stderr) == (0, False), done.stderr
    configuration = json.loads((kernel / ".vscode/launch.json").read_text())["configurations"][0]
    tasks = {task["label"]: task for task in json.loads((kernel / ".vscode/tasks.json").read_text())["tasks"]}
    task = tasks[configuration["preLaunchTask"]]
    (task_program, *_), words = [task["command"]], task["args"]
    assert task_program == "${workspaceFolder}/../sconsw"
    start = [sys.executable, "-m", "SCons", "-Q", "-C", str(built.path), "--headless", "TIMEOUT=60", *words]
    with machine(start, kernel, task["problemMatcher"][0]["background"]["endsPattern"]):
        first, then = ([step["text"] for step in configuration[name]] for name in STEPS)
        reached = f"target remote {configuration['miDebuggerServerAddress']}"
        steps = [*first, reached, *then, "continue", "kill"]
        program = configuration["program"].replace("${workspaceFolder}", str(kernel))
        command = [
            configuration["miDebuggerPath"],
            "-nx",
            "-batch",
            *(word for step in steps for word in ("-ex", step)),
            program,
        ]
        said = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    assert "hello::_start () at src/main.rs:" in said, said
