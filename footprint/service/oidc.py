"""Signing in at a provider of OpenID Connect: the code flow with PKCE, state and nonce.

In: the settings of a provider; what came back to `/sign-in/callback`. Out: who the provider vouches
for, or `SignInError`. The browser keeps state, nonce and verifier in a cookie of a few minutes, so
that the service keeps nothing of whom it does not know. Nothing of a token is believed before its
signature by the provider's keys, its issuer, audience, times and nonce are checked, by one of the
algorithms named here (OpenID Connect Core 1.0, 3.1.3.7; RFC 9700, 2.1).
"""

import base64
import hashlib
import hmac
import json
import math
import secrets
import threading
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from footprint.service import settings
from footprint.service.addresses import is_loopback
from footprint.service.errors import SettingError
from footprint.service.vouching import Begun, SignInError, Vouched

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures alone, by keys that only the provider has: neither `none` nor HMAC."""
T = TypeVar("T")
CALLBACK = "/sign-in/callback"
SIGNED_OUT = "/sign-in"
"""Where the provider sends the browser back to that signed out there."""
LEEWAY_SECONDS = 60
MOST_BYTES = 256 * 1024
TIMEOUT_SECONDS = 10.0
KEYS_SECONDS = 60.0
"""How soon keys are asked for again where a token names one that is not known."""
DISCOVERED_SECONDS = 3600.0


class _Endpoints(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str


class Provider:
    """A provider as it describes itself; asked for when somebody first signs in."""

    def __init__(self, told: settings.Provider) -> None:
        self._told = told
        self._secret = read_secret(told)
        self._lock = threading.Lock()
        self._endpoints: tuple[_Endpoints, float] | None = None
        self._keys: tuple[KeySet, float] | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to, as it has to be registered there."""
        return self._told.public_url.rstrip("/") + CALLBACK

    def begin(self, to: str) -> tuple[str, Begun]:
        """Where to send a browser, and what it has to bring back. Raises SignInError."""
        begun = Begun(_random(), _random(), _random(), to)
        digest = hashlib.sha256(begun.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._told.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(("openid", *self._told.scopes)),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if self._told.acr_values is not None:
            asked["acr_values"] = self._told.acr_values
        where = self._discover().authorization_endpoint
        return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(asked)}", begun

    def finish(self, begun: Begun, query: dict[str, str], now: datetime) -> Vouched:
        """Whom the provider vouches for, by what it sent the browser back with. Raises SignInError
        where anything of it is not as it was asked for."""
        if not hmac.compare_digest(begun.state.encode(), query.get("state", "").encode()):
            raise SignInError("state: not that of this browser")
        # RFC 9207: who answers says who they are.
        if query.get("iss", self._told.issuer) != self._told.issuer:
            raise SignInError("iss: another issuer answered")
        if "code" not in query:
            raise SignInError(f"the provider refused: {query.get('error', '')[:100]!r}")
        tokens = self._exchange(query["code"], begun.verifier)
        claims = self._claims(tokens.id_token, now)
        _check_id(claims, begun, now)
        asked = (self._told.acr_values or "").split()
        if asked and claims.get("acr") not in asked:
            raise SignInError("acr: not an assurance that this service asks for")
        told = self._userinfo(tokens.access_token, now)
        if told.get("sub") != claims["sub"]:
            raise SignInError("userinfo: tells of another subject")
        self._check_required(told)
        label = next(
            (str(told[name]) for name in ("email", "preferred_username", "name") if told.get(name)),
            claims["sub"],
        )
        return Vouched(self._told.issuer, claims["sub"], _printable(label), tokens.id_token)

    def sign_out(self, token: str) -> str | None:
        """Where to send the browser of whoever signs out, to sign out there too (RP-Initiated
        Logout 1.0, 2); None where the provider has no such address. Raises SignInError."""
        where = self._discover().end_session_endpoint
        if where is None:
            return None
        asked = {
            "id_token_hint": token,
            "post_logout_redirect_uri": self._told.public_url.rstrip("/") + SIGNED_OUT,
            "state": _random(),
        }
        return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(asked)}"

    def _check_required(self, told: dict[str, Any]) -> None:
        """Raise SignInError where a claim is not one that this service takes; of several values of
        one claim, one will do."""
        for name, wanted in self._told.required.items():
            value = told.get(name)
            values = value if isinstance(value, list) else [value]
            if not any(isinstance(one, str | int) and str(one) in wanted for one in values):
                raise SignInError(f"claim {name}: absent, or not one that this service takes")

    def _exchange(self, code: str, verifier: str) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        endpoints = self._discover()
        basic = None
        if "client_secret_post" in endpoints.token_endpoint_auth_methods_supported:
            form |= {"client_id": self._told.client_id, "client_secret": self._secret}
        else:
            basic = httpx.BasicAuth(self._told.client_id, self._secret)
        answer = _ask("token", "POST", endpoints.token_endpoint, data=form, auth=basic)
        return _decoded("token", answer, _Tokens)

    def _claims(self, token: str, now: datetime) -> dict[str, Any]:
        """The claims of a token that the provider signed, was made for this service and is in its
        time."""
        try:
            found = jwt.decode(token, self._key_set(token), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise SignInError(f"token: {type(error).__name__}: {str(error)[:100]}") from None
        audience = found.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if found.get("iss") != self._told.issuer:
            raise SignInError("token: of another issuer")
        if self._told.client_id not in audiences:
            raise SignInError("token: for another audience")
        party = found.get("azp", None if len(audiences) > 1 else self._told.client_id)
        if party != self._told.client_id:
            raise SignInError("token: asked for by another than this service")
        # A signed userinfo need not say when it ends (Core, 5.3.2); what does is held to it.
        if now.timestamp() > _instant(found, "exp", now) + LEEWAY_SECONDS:
            raise SignInError("token: expired")
        if now.timestamp() < _instant(found, "nbf", now) - LEEWAY_SECONDS:
            raise SignInError("token: its time has not come")
        return dict(found)

    def _userinfo(self, access_token: str, now: datetime) -> dict[str, Any]:
        """What the provider tells of them: a signed token (ProConnect) or JSON."""
        headers = {"Authorization": f"Bearer {access_token}"}
        answer = _ask("userinfo", "GET", self._discover().userinfo_endpoint, headers=headers)
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type == "application/jwt":
            return self._claims(answer.text.strip(), now)
        return _decoded("userinfo", answer, dict[str, Any])

    def _discover(self) -> _Endpoints:
        with self._lock:
            if self._endpoints is not None and monotonic() < self._endpoints[1]:
                return self._endpoints[0]
        where = self._told.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = _decoded("discovery", _ask("discovery", "GET", where), _Endpoints)
        if found.issuer != self._told.issuer:
            raise SignInError("discovery: tells of another issuer")
        end = found.end_session_endpoint
        for url in (
            *(found.authorization_endpoint, found.token_endpoint),
            *(found.jwks_uri, found.userinfo_endpoint),
            *([end] if end is not None else ()),
        ):
            secure = urlsplit(url).scheme == "https"
            if not secure and not is_loopback(urlsplit(url).hostname or ""):
                raise SignInError("discovery: names an address without TLS")
        with self._lock:
            self._endpoints = (found, monotonic() + DISCOVERED_SECONDS)
        return found

    def _key_set(self, token: str) -> KeySet:
        """The provider's keys; asked for again where a token names one that is not among them."""
        named = _key_id(token)
        with self._lock:
            held = self._keys
        if held is not None:
            names = {key.kid for key in held[0].keys}
            if named in names or monotonic() < held[1] + KEYS_SECONDS:
                return held[0]
        answer = _ask("keys", "GET", self._discover().jwks_uri)
        try:
            found = KeySet.import_key_set(_decoded("keys", answer, KeySetSerialization))
        except (JoseError, ValueError, KeyError) as error:
            raise SignInError(f"keys: {type(error).__name__}") from None
        with self._lock:
            self._keys = (found, monotonic())
        return found


def _instant(claims: dict[str, Any], name: str, now: datetime) -> float:
    """A claim's instant in seconds, the present where there is none; SignInError where it is no
    number."""
    found = claims.get(name, now.timestamp())
    if not isinstance(found, int | float) or not math.isfinite(found):
        raise SignInError(f"token: {name} is no instant")
    return found


def _check_id(claims: dict[str, Any], begun: Begun, now: datetime) -> None:
    """What an ID token has besides."""
    if "exp" not in claims:
        raise SignInError("token: without an end")
    if "iat" not in claims or _instant(claims, "iat", now) > now.timestamp() + LEEWAY_SECONDS:
        raise SignInError("token: issued in the future")
    nonce = str(claims.get("nonce"))
    if not hmac.compare_digest(nonce.encode(), begun.nonce.encode()):
        raise SignInError("nonce: not that of this browser")
    subject = claims.get("sub")
    if not (isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isprintable()):
        raise SignInError("token: without a subject")


def read_secret(told: settings.Provider) -> str:
    """The client's secret, on the first line of its file. Raises SettingError."""
    try:
        secret = told.secret_file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingError(
            f"--oidc-secret-file: cannot read {told.secret_file}: {reason}"
        ) from error
    if not secret:
        raise SettingError(f"--oidc-secret-file: {told.secret_file} is empty")
    return secret


def _ask(what: str, method: str, url: str, **options: Any) -> httpx.Response:
    """An answer of 200, of a size that is read. Raises SignInError."""
    try:
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
            client.stream(method, url, **options) as answer,
        ):
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise SignInError(f"{what}: more than {MOST_BYTES} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SignInError(f"{what}: {type(error).__name__}") from None
    if answer.status_code != 200:
        raise SignInError(f"{what}: answered {answer.status_code}")
    return httpx.Response(200, headers=_plain(answer.headers), content=bytes(body))


def _plain(headers: httpx.Headers) -> dict[str, str]:
    return {"content-type": headers.get("content-type", "")}


def _decoded(what: str, answer: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise SignInError(f"{what}: {str(error)[:100]}") from None


def _random() -> str:
    return secrets.token_urlsafe(32)


def _key_id(token: str) -> str | None:
    head = token.partition(".")[0]
    try:
        told = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        return None
    named = told.get("kid") if isinstance(told, dict) else None
    return named if isinstance(named, str) else None


def _printable(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:200].strip() or "-"
