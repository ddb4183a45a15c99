"""`scons push` and `scons pull` with Debian's docker-registry: the same bytes under the same name, and each thing that
goes wrong is a sentence."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.build.checkouts import Checkout
from tests.servers import free_port, program, served

pytestmark = [pytest.mark.xdist_group("registry"), pytest.mark.needs("docker-registry")]
PERSON = "team:$2b$04$jTcJGHAWaIVGc1FBeW5JFOQsQTNQSYv5/PoUiS4zSlldIbtkhhZfm"  # with the password secret
NAMED = re.compile(r"IMAGE=\S+ is (\S+@sha256:[0-9a-f]{64})$", re.MULTILINE)


@contextlib.contextmanager
def registry(place: Path, people: str = "") -> Iterator[str]:
    """Gives the host of a registry that keeps what it gets below place / "data"."""
    port = free_port()
    config = {
        "version": 0.1, "storage": {"filesystem": {"rootdirectory": str(place / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"}, "log": {"level": "error"},
    }  # fmt: skip
    if people:
        (place / "people").write_text(f"{people}\n")
        config["auth"] = {"htpasswd": {"realm": "team", "path": str(place / "people")}}
    (place / "config.yml").write_text(json.dumps(config))
    with served([program("docker-registry"), "serve", str(place / "config.yml")], port, place / "log"):
        yield f"localhost:{port}"


def pulled(checkout: Checkout) -> Path:
    """Returns the only directory that was pulled."""
    (directory,) = (checkout.path / "build" / "pulled").iterdir()
    return directory


def test_what_is_pulled_is_what_was_pushed_and_the_same_kernel_has_the_same_name(
    built: Checkout, tmp_path: Path
) -> None:
    with registry(tmp_path) as host:
        first = built.scons("push", f"IMAGE={host}/team/hello:1")
        assert first.status == 0, first.output
        again = built.scons("push", f"IMAGE={host}/team/hello:2")
        (name,) = NAMED.findall(first.output)
        assert NAMED.findall(again.output) == [name]
        assert again.steps == []
        got = built.scons("pull", f"IMAGE={name}")
        assert got.status == 0 and f"bootwright: {name}\n" in got.output, got.output
        directory = pulled(built)
        made = built.path / "build" / "debug"
        names = ["hello.cdx.json", "hello.elf", "hello.img"]
        assert sorted(path.name for path in directory.iterdir()) == [*names, "manifest.json"]
        for file in names:
            assert (directory / file).read_bytes() == (made / file).read_bytes(), file
        text = (directory / "manifest.json").read_bytes()
        assert name.endswith(f"@sha256:{hashlib.sha256(text).hexdigest()}")
        (build_id,) = re.findall(r"build id ([0-9a-f]{32});", first.output)
        assert json.loads(text)["annotations"]["dev.bootwright.build-id"] == build_id
        assert bytes.fromhex(build_id) in (made / "hello.kernel").read_bytes()[:4096]
        listed = json.loads((directory / "hello.cdx.json").read_text())
        assert listed["metadata"]["component"]["name"] == "hello"
        assert {"core", "bootwright-loader"} <= {component["name"] for component in listed["components"]}
    assert built.scons("verify").status == 0


def test_a_registry_that_does_wrong_is_a_sentence_and_leaves_nothing(built: Checkout, tmp_path: Path) -> None:
    with registry(tmp_path) as host:
        image = f"IMAGE={host}/team/hello:1"
        assert built.scons("push", image).status == 0
        assert f"{host} has no image of that name" in built.refuse("pull", f"IMAGE={host}/team/hello:2")
        blobs = sorted((tmp_path / "data").rglob("sha256/*/*/data"), key=lambda path: path.stat().st_size)
        data = blobs[-1].read_bytes()
        blobs[-1].write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        said = built.refuse("pull", image)
        assert re.search(rf"{image}: {host} gave other bytes than it promised of hello\.\w+\.zst\n", said), said
        assert list((built.path / "build" / "pulled").iterdir()) == []
        blobs[-1].unlink()
        said = built.refuse("pull", image)
        assert re.search(r"has lost hello\.\w+\.zst, which its manifest names", said), said
    for word in ("pull", "push"):
        said = built.refuse(word, image)
        assert f"{image}: {host} does not answer: Connection refused\n" in said


def test_a_registry_that_knows_people_takes_the_credentials_that_docker_keeps(built: Checkout, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".docker").mkdir(parents=True)
    with registry(tmp_path, PERSON) as host:
        words = ("push", f"IMAGE={host}/team/hello:1")
        theirs = Path.home()
        keys = {"CARGO_HOME": str(theirs / ".cargo"), "RUSTUP_HOME": str(theirs / ".rustup"), "HOME": str(home)}
        keys["XDG_CACHE_HOME"] = str(theirs / ".cache")
        keys |= {name: os.environ[name] for name in keys if name != "HOME" and name in os.environ}
        assert f"{host} wants other credentials, or any\n  hint: `docker login {host}`" in built.refuse(*words, **keys)
        known = {"auths": {host: {"auth": base64.b64encode(b"team:secret").decode()}}}
        (home / ".docker" / "config.json").write_text(json.dumps(known))
        built.build(*words, **keys)


def test_without_its_package_or_a_name_a_push_is_a_sentence_before_anything_is_built(
    checkout: Checkout, tmp_path: Path
) -> None:
    (tmp_path / "oras").mkdir()
    (tmp_path / "oras" / "__init__.py").write_text("raise ModuleNotFoundError(name='oras')\n")
    image = "IMAGE=localhost:1/hello:1"
    for word in ("push", "pull"):
        said = checkout.refuse(word, image, PYTHONPATH=str(tmp_path))
        assert f"{image} needs the Python package oras, which is not installed\n  hint: ./sconsw with" in said
    assert "`scons push` needs IMAGE=registry/name:tag" in checkout.refuse("push")
    assert not (checkout.path / "build" / "debug").exists()
