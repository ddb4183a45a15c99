"""Names in a registry, and what a stranger's registry may answer: whatever it is, no file outside, and one sentence."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bootwright.base.errors import BootwrightError
from bootwright.storage.image_name import is_here, read_address
from bootwright.storage.registry import CONFIG, INSIDE, SIZE, TITLE, pull, push


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("registry.example.org/team/hello:1", ("registry.example.org", "team/hello", "1", "")),
        ("localhost:5000/hello", ("localhost:5000", "hello", "", "")),
        ("[::1]:5000/a__b:v1.2-rc_3", ("[::1]:5000", "a__b", "v1.2-rc_3", "")),
        (f"a.b/c@sha256:{'0' * 64}", ("a.b", "c", "", f"sha256:{'0' * 64}")),
    ],
)
def test_a_name_is_read(text: str, parts: tuple[str, ...]) -> None:
    found = read_address(text)
    assert (found.host, found.name, found.tag, found.digest) == parts
    assert found.word == text


@pytest.mark.parametrize(
    "text", ["hello:1", "team/hello:1", "a.b/Hello:1", "a.b/c:", "https://a.b/c:1", "a.b/../c:1", ""]
)
def test_what_is_no_name_is_a_sentence(text: str) -> None:
    with pytest.raises(BootwrightError, match="is no name in a registry"):
        read_address(text)


def test_what_is_pushed_gets_a_tag() -> None:
    with pytest.raises(BootwrightError, match="what is pushed gets a tag"):
        push(read_address(f"a.b/c@sha256:{'0' * 64}"), {}, [])


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost:5000", True), ("127.0.0.1", True), ("[::1]:80", True), ("10.0.0.1:5000", False),
        ("localhost.example.org:80", False), ("127.0.0.1.example.org", False),
    ],
)  # fmt: skip
def test_this_machine_alone_is_spoken_to_without_tls(host: str, here: bool) -> None:
    assert is_here(host) is here


class Liar:
    """A registry that answers every manifest and every blob with the same bytes."""

    def __init__(self) -> None:
        self.manifest, self.blob = b"", b""
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = liar.blob if "/blobs/" in self.path else liar.manifest if "/manifests/" in self.path else b"{}"
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def pull(self, place: Path, **changes: Any) -> Path:
        """Pulls what it says: a manifest of one piece, with changes."""
        said = {TITLE: "a.img.zst", INSIDE: "0" * 64, SIZE: "4"} | dict(changes.pop("annotations", {}))
        digest = f"sha256:{hashlib.sha256(self.blob).hexdigest()}"
        layer = {"digest": digest, "size": len(self.blob), "annotations": said}
        whole = {"config": {"mediaType": CONFIG}, "layers": [layer | changes]}
        self.manifest = self.manifest or json.dumps(whole).encode()
        return pull(read_address(f"127.0.0.1:{self.server.server_address[1]}/a:1"), place)[0]


@pytest.fixture
def liar() -> Iterator[Liar]:
    made = Liar()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize(
    "change",
    [
        {"annotations": {TITLE: "../a.zst"}}, {"annotations": {TITLE: ".a.zst"}}, {"annotations": {TITLE: "a/b.zst"}},
        {"annotations": {TITLE: 7}}, {"annotations": {SIZE: "-1"}}, {"annotations": {SIZE: "1e99"}}, {"size": 1 << 60},
        {"size": "4"}, {"size": True}, {"digest": "sha256:../../x"}, {"digest": None},
        {"annotations": {TITLE: "a.img"}},
    ],
    ids=str,
)  # fmt: skip
def test_a_manifest_that_is_none_of_ours_is_a_sentence(change: dict[str, object], liar: Liar, tmp_path: Path) -> None:
    liar.blob = zstandard.compress(b"data")
    with pytest.raises(BootwrightError, match=r"has something else under that name|gave other bytes"):
        liar.pull(tmp_path, **change)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"[]", b"[" * 100_000, b'{"layers": [7]}', b"\xff", b"0" * 5000], ids=len)
def test_an_answer_that_is_no_manifest_is_a_sentence(text: bytes, liar: Liar, tmp_path: Path) -> None:
    liar.manifest = text
    with pytest.raises(BootwrightError, match="has something else under that name"):
        liar.pull(tmp_path)


def test_more_than_was_promised_is_not_written(liar: Liar, tmp_path: Path) -> None:
    liar.blob = zstandard.compress(bytes(1 << 26))  # 2 KB
    with pytest.raises(BootwrightError, match=r"gave other bytes than it promised of a\.img\.zst"):
        liar.pull(tmp_path)
    liar.manifest = b" " * (1 << 21)
    with pytest.raises(BootwrightError, match="gave a manifest that is too long"):
        liar.pull(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_as_promised_is_there(liar: Liar, tmp_path: Path) -> None:
    liar.blob = zstandard.compress(b"data")
    directory = liar.pull(tmp_path, annotations={INSIDE: hashlib.sha256(b"data").hexdigest()})
    assert (directory / "a.img").read_bytes() == b"data"
    assert liar.pull(tmp_path) == directory
