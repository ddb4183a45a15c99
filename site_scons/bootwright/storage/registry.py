"""Images with names: a kernel's files in an OCI registry, through the package oras.

A manifest names what it consists of by SHA-256, so that its own digest names all of it; it holds no time and nothing of
the machine that sent it: the same bytes have the same name. Each piece that is compressed says the SHA-256 of what is
in it as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from bootwright.base import atomic, regular
from bootwright.base.digests import file_digest
from bootwright.base.errors import BootwrightError
from bootwright.base.extras import lacking
from bootwright.base.records import record
from bootwright.base.scratch import scratch_directory
from bootwright.base.sizes import MIB
from bootwright.storage.image_name import Address, is_here

if TYPE_CHECKING:
    from oras.container import Container
    from oras.provider import Registry
    from requests import Response

EXTRA = "registry"
KIND = "application/vnd.bootwright.kernel.v1"
CONFIG = "application/vnd.bootwright.kernel.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TITLE = "org.opencontainers.image.title"  # by which `oras pull` names a file
INSIDE, SIZE = "dev.bootwright.sha256", "dev.bootwright.size"  # of what is in a compressed piece
PACKED = ".zst"
LEVEL = 9  # of zstd: an image of 37 MB, zeros for the most part, is done in 0.2 s
SECONDS = (5.0, 30.0)  # to connect, and that a registry may say nothing
MANIFEST_LIMIT = MIB
PIECE_LIMIT = 4096 * MIB
PIECES = 16
CHUNK = 256 * 1024
FILE = re.compile(r"\w[\w.+-]{0,200}")


@record(frozen=True)
class Piece:
    """A file of a kernel: where it lies, and its media type; with packed it travels compressed, its name with .zst."""

    path: Path
    media: str
    packed: bool = True


def check_packages(address: Address) -> None:
    """Raises where the packages that talk to a registry are not installed: before anything is built for it."""
    try:
        import oras.provider  # noqa: F401
    except ModuleNotFoundError as error:
        raise lacking(EXTRA, f"IMAGE={address.word}", error) from error


def push(address: Address, facts: Mapping[str, str], pieces: Sequence[Piece]) -> str:
    """Puts pieces there, with facts (build id, target) about them, and returns the name by which they stay the same."""
    if address.digest or not address.tag:
        raise BootwrightError(f"IMAGE={address.word}: what is pushed gets a tag", f"{address.host}/{address.name}:TAG")
    client = _Client(address)
    layers = []
    with scratch_directory("push") as scratch:
        config = Path(scratch, "config.json")
        config.write_text(_json(dict(facts)), encoding="utf-8", newline="")
        sent = [_described(config, CONFIG, {})]
        client.send(config, sent[0])
        for piece in pieces:
            path, said = piece.path, {TITLE: piece.path.name}
            if piece.packed:
                path = Path(scratch, f"{piece.path.name}{PACKED}")
                said = {TITLE: path.name, INSIDE: file_digest(piece.path), SIZE: str(piece.path.stat().st_size)}
                _pack(piece.path, path)
            layers.append(_described(path, piece.media, said))
            client.send(path, layers[-1])
    manifest = {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": KIND, "config": sent[0], "layers": layers,
        "annotations": {f"dev.bootwright.{name}": value for name, value in facts.items()},
    }  # fmt: skip
    return f"{address.host}/{address.name}@{client.send_manifest(_json(manifest).encode())}"


def pull(address: Address, place: Path) -> tuple[Path, str]:
    """Returns the directory below place with the files of that name, and the name by which they stay the same.

    The directory appears whole, and has the manifest's digest in its name: a tag that means something else tomorrow
    is another directory.
    """
    client = _Client(address)
    text = client.manifest()
    digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
    if address.digest and digest != address.digest:
        raise client.error(f"gave other bytes than the name says: their digest is {digest}")
    layers = _read_manifest(text, client)
    directory = place / f"{address.name.rpartition('/')[2]}-{digest.removeprefix('sha256:')[:16]}"
    if not directory.is_dir():
        with atomic.new_directory(directory) as scratch:
            for layer in layers:
                client.receive(layer, scratch)
            (scratch / "manifest.json").write_bytes(text)
            with contextlib.suppress(OSError):  # somebody was quicker
                scratch.rename(directory)
                scratch.mkdir()  # for its end
    return directory, f"{address.host}/{address.name}@{digest}"


class _Client:
    """A registry, asked about one name."""

    def __init__(self, address: Address) -> None:
        import oras.container
        import requests

        self._address = address
        self._requests = requests
        self._registry: Registry = _registry(address)
        self._container: Container = oras.container.Container(address.word)

    def error(self, words: str, hint: str = "") -> BootwrightError:
        """Returns the sentence for a registry that does not do what it should."""
        return BootwrightError(f"IMAGE={self._address.word}: {self._address.host} {words}", hint)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        exceptions = self._requests.exceptions
        try:
            yield
        except exceptions.SSLError as error:
            hint = "REQUESTS_CA_BUNDLE=FILE names the certificates (PEM) of a server of your own"
            raise self.error(f"has a certificate that is not trusted here: {_reason(error)}", hint) from error
        except exceptions.Timeout as error:
            raise self.error(f"says nothing for {SECONDS[1]:g} s") from error
        except exceptions.RequestException as error:
            raise self.error(f"does not answer: {_reason(error)}") from error
        except (ValueError, AttributeError) as error:  # oras's words for what it cannot authenticate
            raise self._refused() from error

    def _refused(self) -> BootwrightError:
        hint = f"`docker login {self._address.host}` leaves what it wants in ~/.docker/config.json"
        return self.error("wants other credentials, or any", hint)

    def _checked(self, answer: Response, good: Sequence[int]) -> Response:
        if answer.status_code in (401, 403):
            raise self._refused()
        if answer.status_code not in good:
            raise self.error(f"answers {answer.status_code} {answer.reason}".rstrip())
        return answer

    def send(self, path: Path, layer: dict[str, Any]) -> None:
        """Sends the bytes of a piece, where they are not there already."""
        with self._asking():
            answer = self._registry.upload_blob(str(path), self._container, layer)
            self._checked(answer, (200, 201, 202))

    def send_manifest(self, text: bytes) -> str:
        """Sends the manifest and returns its digest."""
        with self._asking():
            url = f"{self._registry.prefix}://{self._container.manifest_url()}"
            answer = self._registry.do_request(url, "PUT", data=text, headers={"Content-Type": MANIFEST})
            self._checked(answer, (200, 201, 202))
        return f"sha256:{hashlib.sha256(text).hexdigest()}"

    def manifest(self) -> bytes:
        """Returns the manifest's bytes."""
        with self._asking():
            url = f"{self._registry.prefix}://{self._container.manifest_url()}"
            answer = self._registry.do_request(url, "GET", headers={"Accept": MANIFEST}, stream=True)
            if answer.status_code == 404:
                raise self.error("has no image of that name")
            self._checked(answer, (200,))
            return b"".join(_limited(answer, MANIFEST_LIMIT, partial(self.error, "gave a manifest that is too long")))

    def receive(self, layer: dict[str, Any], directory: Path) -> None:
        """Writes a piece into directory, unpacked; each byte is hashed, and what is not as promised is a sentence."""
        said = layer["annotations"]
        title, size = said[TITLE], layer["size"]
        wrong = partial(self.error, f"gave other bytes than it promised of {title}", "nothing of it was kept")
        blob, kept = directory / f".{title}", directory / title.removesuffix(PACKED)
        digest = hashlib.sha256()
        with self._asking():
            answer = self._registry.get_blob(self._container, layer["digest"], stream=True)
            if answer.status_code == 404:
                raise self.error(f"has lost {title}, which its manifest names")
            self._checked(answer, (200,))
            with blob.open("wb") as out:
                for piece in _limited(answer, size, wrong):
                    digest.update(piece)
                    out.write(piece)
        if f"sha256:{digest.hexdigest()}" != layer["digest"]:
            raise wrong()
        if INSIDE not in said:
            blob.rename(directory / title)
            return
        if _unpack(blob, kept, int(said[SIZE])) != said[INSIDE]:
            raise wrong()
        blob.unlink()


def _registry(address: Address) -> Registry:
    """Returns oras's client: without its retries, which would be a minute of silence, and with a limit for silence."""
    import requests.adapters
    from oras.provider import Registry as Whole

    class Once(Whole):  # type: ignore[misc]  # oras has no types
        do_request = Whole.do_request.__wrapped__

    class Limited(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *rest: Any, **named: Any) -> Any:
            return super().send(request, *rest, **{**named, "timeout": SECONDS})

    plain = is_here(address.host)
    found = Once(hostname=address.host, insecure=plain)
    found.session.mount("http://" if plain else "https://", Limited())
    with contextlib.suppress(requests.exceptions.RequestException):  # the first real question says it
        answer = found.session.get(f"{found.prefix}://{address.host}/v2/")
        if answer.headers.get("Www-Authenticate", "").lower().startswith("basic"):
            found = Once(hostname=address.host, insecure=plain, auth_backend="basic")
            found.session.mount("http://" if plain else "https://", Limited())
    found.auth.load_configs(found.get_container(address.word))
    return found


def _read_manifest(text: bytes, client: _Client) -> list[dict[str, Any]]:
    """Returns the pieces that a manifest names; raises where it is none of ours."""
    try:
        manifest = json.loads(text)
        layers = manifest["layers"]
        names = [layer["annotations"][TITLE] for layer in layers]
        good = manifest["config"]["mediaType"] == CONFIG and 0 < len(layers) <= PIECES and len(set(names)) == len(names)
        for layer in layers:
            said = layer["annotations"]
            good = good and FILE.fullmatch(said[TITLE]) is not None and 0 < layer["size"] <= PIECE_LIMIT
            good = good and re.fullmatch(r"sha256:[0-9a-f]{64}", layer["digest"]) is not None
            if INSIDE in said:
                good = good and 0 < int(said[SIZE]) <= PIECE_LIMIT and said[TITLE].endswith(PACKED)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good, layers = False, []
    if not good:
        raise client.error("has something else under that name than a kernel of `scons push`")
    return list(layers)


def _described(path: Path, media: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "mediaType": media, "digest": f"sha256:{file_digest(path)}", "size": path.stat().st_size
    }  # fmt: skip
    return {**described, "annotations": dict(annotations)} if annotations else described


def _pack(path: Path, made: Path) -> None:
    with regular.opened(path) as source, made.open("wb") as out:
        zstandard.ZstdCompressor(level=LEVEL).copy_stream(source, out, size=path.stat().st_size)


def _unpack(blob: Path, made: Path, size: int) -> str:
    """Writes what is in blob to made, size bytes at most, and returns its SHA-256; "" where it is something else."""
    digest, left = hashlib.sha256(), size
    try:
        with regular.opened(blob) as source, made.open("xb") as out:
            for piece in zstandard.ZstdDecompressor().read_to_iter(source):
                left -= len(piece)
                if left < 0:
                    return ""
                digest.update(piece)
                out.write(piece)
    except zstandard.ZstdError:
        return ""
    return digest.hexdigest() if left == 0 else ""


def _limited(answer: Response, limit: int, wrong: Callable[[], BootwrightError]) -> Iterator[bytes]:
    left = limit
    for piece in answer.iter_content(CHUNK):
        left -= len(piece)
        if left < 0:
            raise wrong()
        yield piece


def _reason(error: BaseException) -> str:
    """Returns why, of requests's and urllib3's exceptions in exceptions."""
    found = re.findall(r"\] ([^\]\[()']+?)['\")]", str(error)) or [type(error).__name__]
    return str(found[-1])


def _json(facts: object) -> str:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))
