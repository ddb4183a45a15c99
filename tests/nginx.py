"""nginx as the server of a shared cache, set up as docs/machines.md has it, with TLS, on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.cache_server import CERTIFICATE, USER
from tests.servers import free_port, program, served

CONFIGURATION = """
daemon off;
master_process off;
pid {place}/pid;
error_log {place}/log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        location /team/ {{
            root {place}/cache;
            dav_methods PUT;
            create_full_put_path on;
            client_max_body_size 512m;
            limit_except GET {{ auth_basic "cache"; auth_basic_user_file {place}/people; }}
        }}
    }}
}}
"""


class Nginx:
    """A server whose cache lies at url; held is what was put, by path."""

    def __init__(self, place: Path, port: int) -> None:
        self.url = f"https://localhost:{port}/team"
        self._root = place / "cache"

    @property
    def held(self) -> dict[str, bytes]:
        found = [path for path in self._root.rglob("*") if path.is_file()]
        return {f"/{path.relative_to(self._root).as_posix()}": path.read_bytes() for path in found}


@contextlib.contextmanager
def open_nginx(place: Path) -> Iterator[Nginx]:
    """Gives a server that lives in place: all may read, and USER may write."""
    port = free_port()
    (place / "cache").mkdir()
    user, _, password = USER.partition(":")
    (place / "people").write_text(f"{user}:{{PLAIN}}{password}\n")
    (place / "nginx.conf").write_text(CONFIGURATION.format(place=place, port=port, certificate=CERTIFICATE))
    command = [program("nginx"), "-p", str(place), "-e", str(place / "log"), "-c", str(place / "nginx.conf")]
    with served(command, port, place / "said"):
        yield Nginx(place, port)
