"""Misspelt keys of a Cargo.toml: a warning with what was meant, where Cargo warns; a sentence, where Cargo refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cargo.manifests import HEAD, add, read, refusal


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[dependenceis]\nspin = "0.9"\n', "unused manifest key: dependenceis; did you mean dependencies?"),
        ('[profile.dev]\npnaic = "abort"\n', "unused manifest key: profile.dev.pnaic; did you mean panic?"),
        ("[profile.dev]\nopt_level = 3\n", "unused manifest key: profile.dev.opt_level; did you mean opt-level?"),
        ("[profile.release.build-override]\nopt-levle = 1\n",
         "unused manifest key: profile.release.build-override.opt-levle; did you mean opt-level?"),
        ('[profile.dev.package."*"]\nxyz = 1\n', "unused manifest key: profile.dev.package.*.xyz"),
        ('[[bin]]\nname = "my-os"\ntets = false\n', "unused manifest key: bin.0.tets; did you mean test?"),
        ("[target.x86_64-unknown-none]\nrustflags = []\n",
         "unused manifest key: target.x86_64-unknown-none.rustflags"),
        ("[foo]\nbar = 1\n", "unused manifest key: foo"),
        ('[package.metadata.bootloder]\nx = 1\n',
         "[package.metadata.bootloder] is read by nothing here; did you mean bootloader?"),
    ],
    ids=["dependencies", "panic", "opt_level", "override", "package", "bin", "target", "foo", "metadata"],
)  # fmt: skip
def test_a_key_that_nothing_reads_is_a_warning(tmp_path: Path, text: str, line: str) -> None:
    add(tmp_path, "src/main.rs")
    assert read(tmp_path, text).warnings == (f"{tmp_path / 'Cargo.toml'}: {line}",)


def test_a_misspelt_edition_is_a_warning(tmp_path: Path) -> None:
    head = HEAD.replace("edition", "editoin")
    (warning,) = read(tmp_path, head=head).warnings
    assert warning.endswith("unused manifest key: package.editoin; did you mean edition?")


def test_keys_that_cargo_knows_and_other_tools_metadata_are_no_warning(tmp_path: Path) -> None:
    add(tmp_path, "src/main.rs", "src/lib.rs")
    text = (
        'keywords = ["os"]\n[package.metadata.bootloader_linker]\nx = 1\n[package.metadata.docs]\nx = 1\n'
        '[profile.dev]\nstrip = true\nsplit-debuginfo = "off"\n[profile.mine]\ninherits = "dev"\n[lib]\ntest = false\n'
        '[badges]\nx = { y = "z" }\n[lints.rust]\nunused = "allow"\n[profile.dev.package.spin]\nopt-level = 2\n'
    )
    assert read(tmp_path, text).warnings == ()


def test_a_profile_that_cargo_does_not_know_and_inherits_nothing_is_refused(tmp_path: Path) -> None:
    text = '[profile.relese]\npanic = "abort"\n'
    assert refusal(tmp_path, text) == (
        "[profile.relese] inherits is missing, which every profile but dev and release needs"
    )


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    add(tmp_path, "src/main.rs")
    assert read(tmp_path, head="\ufeff" + HEAD).name == "my-os"
