"""One kept-alive connection to the service, and the ways in which a network can fail it.

In: bodies. Out: status and what is needed of the answer. Only the standard library.
"""

import http.client
import ssl
import time
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from footprint.fleet.errors import BusyError, FleetError
from footprint.ledger import Head

T = TypeVar("T")
TIMEOUT_SECONDS = 60
IDLE_SECONDS = 2.0
"""A connection that was idle so long is opened anew: servers close those after some seconds, and
what is sent at that moment is lost."""
TROUBLE = (OSError, http.client.HTTPException)


class Address(msgspec.Struct, frozen=True):
    """Where the service is, and the token that writes for every host."""

    scheme: str
    host: str
    port: int | None
    base: str
    token: str | None

    @property
    def url(self) -> str:
        """As it was given."""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{self.host}{port}{self.base}"


class Answer(msgspec.Struct):
    """What is needed of an answer to a batch, receipt or problem."""

    status: int = 0
    type: str = ""
    detail: str = ""
    heads: list[Head] = []
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    retry_after_seconds: float | None = None

    @property
    def problem(self) -> str:
        """The problem's kind; empty for none."""
        return self.type.rpartition(":")[2]

    def said(self) -> str:
        """One line."""
        return " ".join(f"{self.status} {self.problem} {self.detail}".split())[:300]


def address(url: str, token: str | None) -> Address:
    """The service at `url`. Raises FleetError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FleetError(f"--service {url!r}: {error}; write http://HOST:PORT") from error
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or parts.query:
        raise FleetError(f"--service {url!r}: write http://HOST:PORT")
    return Address(parts.scheme, parts.hostname, port, parts.path.rstrip("/"), token)


class Connection:
    """A connection that opens when it is used and again after it broke."""

    def __init__(self, to: Address, seconds: float = TIMEOUT_SECONDS) -> None:
        self._to = to
        self._used = 0.0
        self._http: http.client.HTTPConnection
        if to.scheme == "https":
            context = ssl.create_default_context()
            self._http = http.client.HTTPSConnection(
                to.host, to.port, timeout=seconds, context=context
            )
        else:
            self._http = http.client.HTTPConnection(to.host, to.port, timeout=seconds)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _fresh(self) -> None:
        now = time.monotonic()
        if now - self._used > IDLE_SECONDS:
            self.close()
        self._used = now

    def get(self, path: str, kind: type[T]) -> T:
        """What `path` holds; asked once more where a connection that was open already broke: the
        service may have been started anew. Raises FleetError for any other answer than 200,
        TROUBLE."""
        self._fresh()
        was_open = self._http.sock is not None
        try:
            status, body = self._got(path)
        except TROUBLE:
            if not was_open:
                raise
            status, body = self._got(path)
        self._used = time.monotonic()
        if status != http.client.OK:
            busy = status == http.client.SERVICE_UNAVAILABLE
            said = f"GET {path}: the service answered {_problem(status, body).said()}"
            raise BusyError(said) if busy else FleetError(said)
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            raise FleetError(f"GET {path}: not the answer of this version: {error}") from error

    def _got(self, path: str) -> tuple[int, bytes]:
        try:
            self._http.request("GET", self._to.base + path, headers=self._headers(None))
            response = self._http.getresponse()
            return response.status, response.read()
        except TROUBLE:
            self.close()
            raise

    def send(self, body: bytes, token: str | None = None) -> Answer:
        """Post a batch, with another token than the right one where it is given."""
        self.begin(body, token)
        return self.end()

    def begin(self, body: bytes, token: str | None = None) -> None:
        """Post a batch and do not wait."""
        self._fresh()
        try:
            self._http.request("POST", f"{self._to.base}/v1/pages", body, self._headers(token))
        except TROUBLE:
            self.close()
            raise

    def end(self) -> Answer:
        """The answer to what was begun."""
        try:
            response = self._http.getresponse()
            answer = _problem(response.status, response.read())
            self._used = time.monotonic()
            answer.retry_after_seconds = _seconds(response.headers.get("Retry-After"))
        except TROUBLE:
            self.close()
            raise
        return answer

    def half(self, body: bytes) -> None:
        """Post half of a batch and hang up."""
        self._fresh()
        try:
            self._http.putrequest("POST", f"{self._to.base}/v1/pages")
            for name, value in self._headers(None).items():
                self._http.putheader(name, value)
            self._http.putheader("Content-Length", str(len(body)))
            self._http.endheaders()
            self._http.send(body[: len(body) // 2])
        finally:
            self.close()

    def _headers(self, token: str | None) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        token = token or self._to.token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return headers


_decoder = msgspec.json.Decoder(Answer)


def _problem(status: int, body: bytes) -> Answer:
    try:
        answer = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = Answer(detail="an answer that is not this service's")
    answer.status = status
    return answer


def _seconds(text: str | None) -> float | None:
    """What `Retry-After` says in seconds; a date is not looked at."""
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else None
