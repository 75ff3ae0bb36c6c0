"""Without a sign-in, only pages and programs of this machine may speak to the service.

Listening on loopback keeps other machines out, but not a web site in this machine's browser: it can
give its own name the address 127.0.0.1 (DNS rebinding). Such a request carries the site's name as
its Host, and its Origin where it writes. In: a request's head. Out: a `Problem`, or nothing. With a
token or an account the Host is a proxy's matter.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.types import Scope

from footprint.service.problems import Problem

READING = ("GET", "HEAD", "OPTIONS")


def refusal(scope: Scope) -> Problem | None:
    """Why a request is not of this machine."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
    if not _is_local(host):
        return Problem(
            421,
            "misdirected",
            f"Host {host!r}: this service listens without a token, for this machine alone; "
            "ask for 127.0.0.1 or localhost, or start it with --token-file",
        )
    for name, value in scope["headers"]:
        origin = value.decode("latin-1")
        if name == b"origin" and scope["method"] not in READING and not same(origin, host):
            return Problem(
                403, "other-site", f"Origin {origin!r}: a page of another site may not write here"
            )
    return None


def _is_local(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.netloc != host or parts.username is not None or not name:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def same(origin: str, host: str) -> bool:
    """Whether a page of `origin` is one of `host` (RFC 6454, 7)."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
