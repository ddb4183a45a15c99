"""What IMAGE= says: a name in an OCI registry."""

from __future__ import annotations

import ipaddress
import re

from bootwright.base.errors import BootwrightError
from bootwright.base.records import record

ADDRESS = re.compile(
    r"(?P<host>[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-f:]+\](?::\d{1,5})?)/"
    r"(?P<name>[a-z0-9]+(?:(?:\.|_|__|-+|/)[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@record(frozen=True)
class Address:
    """What IMAGE= says: a registry's host, a name in it, and a tag or the digest of a manifest."""

    host: str
    name: str
    tag: str
    digest: str

    @property
    def word(self) -> str:
        """The whole of it, as it was given."""
        return f"{self.host}/{self.name}" + (f":{self.tag}" if self.tag else "") + (self.digest and f"@{self.digest}")


def read_address(text: str) -> Address:
    """Returns what IMAGE= says; raises where it is no name of an image in a registry."""
    found = ADDRESS.fullmatch(text)
    host = found["host"] if found else ""
    if not found or not ("." in host or ":" in host):  # as docker tells a host from a part of a name
        raise BootwrightError(f"IMAGE={text} is no name in a registry", "as in IMAGE=registry.example.org/team/hello:1")
    return Address(host, found["name"], found["tag"] or "", found["digest"] or "")


def is_here(host: str) -> bool:
    """Says whether a host is this machine, which may do without TLS, as it may for docker."""
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
