"""A real provider of OpenID Connect and a proxy before it, which may forge what passes.

In: the address at which the service takes people back. Out: a `Provider`, whose `issuer` is the
proxy's address. What the proxy forges is signed with the provider's own key where the test says so:
only then is it the claim that is refused, and not the signature.
"""

import base64
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.ports import free_port
from tests.provider.npm import HERE, NODE

SECRET = "the client's secret of these tests"
CLIENT = "footprint"
Forge = Callable[[str, bytes, str], tuple[bytes, str]]
"""What to answer instead: the path, the body and its media type, to a body and a media type."""


class Provider:
    """A provider that runs; `forge` is asked for every answer, `asked` has every request."""

    def __init__(self, issuer: str, key: RSAKey, account: Path) -> None:
        self.issuer = issuer
        self.key = key
        self.forge: Forge | None = None
        self.asked: list[tuple[str, str]] = []
        self._account = account
        self.sign_in_as("agent-1")

    def sign_in_as(self, subject: str) -> None:
        """Whoever comes next is this one."""
        self._account.write_text(subject, encoding="utf-8")

    def signed(self, claims: dict[str, Any], algorithm: str = "RS256") -> str:
        """Claims as a token by the provider's own key."""
        header = {"alg": algorithm, "kid": self.key.kid or ""}
        return jwt.encode(header, claims, self.key, algorithms=[algorithm])


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return found


@contextmanager
def running(
    tmp_path: Path, public_url: str, *, userinfo: str = "signed", token_seconds: int = 60
) -> Iterator[Provider]:
    """A provider that signs its userinfo ("signed") or tells it as JSON ("json")."""
    if not (HERE / "node_modules" / "oidc-provider").is_dir():
        reason = "needs the provider of tests/provider: make .venv/provider.stamp"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    key = RSAKey.generate_key(2048, {"kid": "key-1", "use": "sig", "alg": "RS256"})
    inner, outer = free_port(), free_port()
    issuer = f"http://127.0.0.1:{outer}"
    account = tmp_path / "account"
    told = {
        "issuer": issuer,
        "port": inner,
        "clientId": CLIENT,
        "secret": SECRET,
        "callback": f"{public_url}/sign-in/callback",
        "jwks": KeySet([key]).as_dict(private=True),
        "account": str(account),
        "userinfo": userinfo,
        "tokenSeconds": token_seconds,
    }
    provider = Provider(issuer, key, account)
    command = [str(NODE), "provider.mjs", json.dumps(told)]
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        with _proxy(provider, outer, f"http://127.0.0.1:{inner}"):
            yield provider
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def _proxy(provider: Provider, port: int, inner: str) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass()

        def do_POST(self) -> None:
            self._pass()

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def _pass(self) -> None:
            provider.asked.append((self.command, self.path))
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept = ("connection", "accept-encoding", "content-length", "transfer-encoding")
            headers = [(k, v) for k, v in self.headers.items() if k.lower() not in kept]
            answer = httpx.request(
                self.command, inner + self.path, headers=headers, content=sent, timeout=10
            )
            body, kind = answer.content, answer.headers.get("content-type", "")
            if provider.forge is not None:
                body, kind = provider.forge(self.path.partition("?")[0], body, kind)
            self.send_response(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name.lower() not in (*kept, "content-type"):
                    self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def forging(member: str, change: Callable[[dict[str, Any]], Any]) -> Forge:
    """Change a member of the provider's JSON answers that have it: by its value, to another."""

    def forge(_path: str, body: bytes, kind: str) -> tuple[bytes, str]:
        if "json" not in kind:
            return body, kind
        told = msgspec.json.decode(body)
        if isinstance(told, dict) and member in told:
            told[member] = change(told[member])
        return msgspec.json.encode(told), kind

    return forge
