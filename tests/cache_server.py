"""A server of Bazel's HTTP cache protocol for tests, on loopback, that can be told to misbehave.

It is as strict as the servers of the field are together: names are SHA-256 in hexadecimal below ac/ and cas/, lengths
are said before, a blob is put under its own digest, and an ActionResult promises what is there, by a relative path.
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from bootwright.storage import action_result
from bootwright.storage.action_result import Promise

CERTIFICATE = Path(__file__).with_name("localhost.pem")
USER = "builder:secret"
NAME = re.compile(r"/team/(?:ac|cas)/[0-9a-f]{64}")
STALL = 60.0  # seconds, unless the server ends


class CacheServer:
    """Holds what is put, by path; reading needs no right, and writing those of USER where locked is set.

    fault is one of the words of _Handler.do_GET and do_PUT, "" for a server that does as it should.
    """

    def __init__(self, tls: bool = False, locked: bool = False, fault: str = "") -> None:
        self.held: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.locked, self.fault = locked, fault
        self.ended = threading.Event()
        cache = self

        class Handler(_Handler):
            server_of = cache

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://localhost:{self._server.server_address[1]}/team"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> CacheServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Ends the server, in the midst of whatever it answers."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def names(self, kind: str) -> list[str]:
        """Returns the names of what is held below ac or cas."""
        return sorted(name for name in self.held if name.startswith(f"/team/{kind}/"))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: CacheServer

    def do_GET(self) -> None:
        cache, fault = self.server_of, self.server_of.fault
        cache.asked.append(f"GET {self.path}")
        blob = "/cas/" in self.path
        data = cache.held.get(self.path)
        if not NAME.fullmatch(self.path):
            self._answer(400)
        elif fault == "500":
            self._answer(500)
        elif data is None or (fault == "a blob that is gone" and blob):
            self._answer(404)
        elif fault == "a stall" and blob:
            self._head(len(data))
            self.wfile.write(data[:10])
            cache.ended.wait(STALL)
        elif fault == "a trickle" and blob:
            self._head(len(data))
            for at in range(len(data)):
                self.wfile.write(data[at : at + 1])
                if cache.ended.wait(0.02):
                    return
        elif fault == "a cut answer" and blob:
            self._head(len(data))
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        elif fault == "a server that is killed" and blob:
            self._head(len(data))
            self.wfile.write(data[: len(data) // 2])
            threading.Thread(target=cache.end).start()
            self.close_connection = True
        elif fault == "a longer answer" and blob:
            self._answer(200, data + b"more")
        elif fault == "a poisoned blob" and blob:
            self._answer(200, data[:-1] + bytes([data[-1] ^ 1]))
        elif fault == "a poisoned promise" and not blob:
            self._answer(200, data[:-3])
        elif fault == "no promise" and not blob:
            self._answer(200, b"<html>Welcome to the hotel</html>")
        elif fault == "a wrong size" and not blob:
            promise = action_result.decode(data)
            self._answer(200, action_result.encode(Promise(promise.path, promise.sha256, promise.size + 1)))
        elif fault == "a huge promise" and not blob:
            self._answer(200, action_result.encode(Promise("entry.tar.xz", "0" * 64, 1 << 50)))
        else:
            self._answer(200, data)

    def do_PUT(self) -> None:
        cache, fault = self.server_of, self.server_of.fault
        cache.asked.append(f"PUT {self.path}")
        length = self.headers.get("Content-Length")
        if length is None or "Transfer-Encoding" in self.headers:
            self._answer(411)
            self.close_connection = True
            return
        data = self.rfile.read(int(length))
        allowed = f"Basic {base64.b64encode(USER.encode()).decode()}"
        if cache.locked and self.headers.get("Authorization") != allowed:
            self._answer(401)
        elif fault == "a full disk":
            self._answer(507)
        elif not NAME.fullmatch(self.path) or not (
            self._is_named(data) if "/cas/" in self.path else self._is_held(data)
        ):
            self._answer(400)
        else:
            cache.held[self.path] = data
            self._answer(204)

    def _is_named(self, blob: bytes) -> bool:
        """Says whether a blob is put under its own digest."""
        return hashlib.sha256(blob).hexdigest() == self.path.rpartition("/")[2]

    def _is_held(self, message: bytes) -> bool:
        """Says whether what a promise promises is there, as bazel-remote asks when it gets one."""
        try:
            promise = action_result.decode(message)
        except ValueError:
            return False
        held = self.server_of.held.get(f"/team/cas/{promise.sha256}")
        return held is not None and len(held) == promise.size and not promise.path.startswith("/")

    def _head(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _answer(self, status: int, data: bytes = b"") -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """A test asks what was asked."""
