"""What a dependency's sources are, once edited where cargo put them: refused, so that no other kernel gets the edit."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from tests.build.checkouts import Checkout

VENDORED = '[source.crates-io]\nreplace-with = "here"\n[source.here]\ndirectory = "vendor"\n'
PATCH = "to change a dependency, copy it and name the copy in [patch] of Cargo.toml"


def depend(package: Path, line: str) -> None:
    with (package / "Cargo.toml").open("a") as manifest:
        manifest.write(f"[dependencies]\n{line}\n")


def test_an_edited_crate_of_a_registry_is_not_compiled_in_its_name(
    checkout: Checkout, package: Path, tmp_path: Path
) -> None:
    depend(package, 'bit_field = "=0.10.2"')
    home = {"CARGO_HOME": str(tmp_path / "cargo"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    share = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "bootwright")
    (tmp_path / "cache" / "bootwright").mkdir(parents=True)
    for kind in ("sysroot", "loader", "programs"):
        if (share / kind).is_dir():
            (tmp_path / "cache" / "bootwright" / kind).symlink_to(share / kind)
    words = [f"KERNEL={package}"]
    assert "rustc libbit_field.rlib" in checkout.build(*words, **home)
    (source,) = (tmp_path / "cargo/registry/src").glob("*/bit_field-0.10.2/src/lib.rs")
    published = source.read_text()
    source.write_text(f"{published}\npub const MINE: u8 = 1;\n")
    edited = [*words, "PROFILE=release"]  # of which the store has nothing
    said = checkout.refuse(*edited, **home)
    assert f"{source} is not as bit_field 0.10.2 was published" in said
    assert f"{PATCH}; what was is back by: rm -r {source.parents[1]}" in said
    source.write_text(published)
    assert "rustc libbit_field.rlib" in checkout.build(*edited, **home)


def test_an_edited_crate_of_a_vendored_directory_is_refused_as_cargo_does(checkout: Checkout, package: Path) -> None:
    depend(package, 'tiny = "1"')
    texts = {"Cargo.toml": '[package]\nname = "tiny"\nversion = "1.0.0"\n', "src/lib.rs": "#![no_std]\n"}
    tiny = package / "vendor" / "tiny"
    for name, text in texts.items():
        (tiny / name).parent.mkdir(parents=True, exist_ok=True)
        (tiny / name).write_text(text)
    sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    (tiny / ".cargo-checksum.json").write_text(json.dumps({"files": sums, "package": "0" * 64}))
    (package / ".cargo").mkdir()
    (package / ".cargo" / "config.toml").write_text(VENDORED)
    assert "rustc libtiny.rlib" in checkout.build(f"KERNEL={package}")
    source = tiny / "src" / "lib.rs"
    source.write_text("#![no_std]\npub const MINE: u8 = 1;\n")
    said = checkout.refuse(f"KERNEL={package}")
    assert f"the checksum of {source} has changed: .cargo-checksum.json lists {sums['src/lib.rs']}, it is " in said
    assert PATCH in said
    source.write_text(texts["src/lib.rs"])
    assert checkout.build(f"KERNEL={package}") == ["rustc libtiny.rlib"], "the same bytes again"
    # One that today's compiler refuses, as it was published.
    source.write_text('#![no_std]\npub unsafe fn outb() { asm!("outb %al, %dx" :: "{dx}"(1) :: "volatile"); }\n')
    sums["src/lib.rs"] = hashlib.sha256(source.read_bytes()).hexdigest()
    (tiny / ".cargo-checksum.json").write_text(json.dumps({"files": sums, "package": "0" * 64}))
    said = checkout.refuse(f"KERNEL={package}")
    assert "bootwright: tiny 1.0.0 is a dependency that rustc 1." in said and "`cargo update -p tiny`" in said
    # One of which no update finds a release that compiles.
    for path, before, after in (
        (tiny / "Cargo.toml", '"tiny"\nversion = "1.0.0"', '"lock_api"\nversion = "0.3.4"'),
        (package / "Cargo.toml", 'tiny = "1"', 'lock_api = "0.3"'),
    ):
        path.write_text(path.read_text().replace(before, after))
    sums["Cargo.toml"] = hashlib.sha256((tiny / "Cargo.toml").read_bytes()).hexdigest()
    (tiny / ".cargo-checksum.json").write_text(json.dumps({"files": sums, "package": "0" * 64}))
    said = checkout.refuse(f"KERNEL={package}")
    assert "bootwright: lock_api 0.3.4 is a dependency that rustc 1." in said and "no release of 0.3 is one" in said
