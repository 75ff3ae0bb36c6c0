"""Signing in at a real provider of OpenID Connect, and what a forger before it gets: nothing."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from footprint.service import settings, store_audit
from footprint.service.errors import SettingError
from tests.ports import free_port
from tests.provider.running import CLIENT, SECRET, Provider, claims_of, forging, running
from tests.service import entry
from tests.service.forged_claims import CLAIMS
from tests.service.house import House


@contextmanager
def provided(
    tmp_path: Path, required: dict[str, tuple[str, ...]] | None = None, **options: Any
) -> Iterator[tuple[House, Provider]]:
    """A service and the provider at which people sign in to it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n", encoding="utf-8")
    with running(tmp_path, url, **options) as provider:
        told = settings.Provider(
            provider.issuer, CLIENT, secret, url, ("email", "siret"), "eidas1", required or {}
        )
        asked = {"provider": told, "port": port, "refusals_per_minute_per_address": 1000}
        now = datetime.now(UTC)
        with House(tmp_path / "f.db", now, **entry.SETTINGS, **asked) as house:
            yield house, provider


@pytest.fixture(name="pair")
def make_pair(tmp_path: Path) -> Iterator[tuple[House, Provider]]:
    """A service and its provider, whose userinfo is a signed token, as ProConnect's is."""
    with provided(tmp_path) as pair:
        yield pair


def arrive(house: House, browser: httpx.Client, to: str = "/account") -> httpx.URL:
    """Go to the provider and sign in there; the address that it sends back to, not asked yet."""
    where = browser.get(f"{house.address}/sign-in/provider", params={"to": to})
    for _ in range(10):
        location = where.headers.get("location")
        assert location, where.text
        back = httpx.URL(where.url).join(location)
        if back.path == "/sign-in/callback":
            return back
        where = browser.get(back)
    raise AssertionError("the provider goes round in circles")


def reasons(house: House) -> list[str]:
    """Why sign-ins were refused, as the log has it."""
    with house.app.state.footprint.store.read() as connection:
        return [
            line.outcome.removeprefix("refused: ")
            for line in store_audit.lines(connection)
            if line.action == "sign in" and line.actor == "provider"
        ]


@pytest.mark.parametrize("userinfo", ["signed", "json"])
def test_who_the_provider_vouches_for_is_signed_in(tmp_path: Path, userinfo: str) -> None:
    """With a cookie that scripts do not see; without a right until somebody gives one here."""
    with provided(tmp_path, userinfo=userinfo) as (house, provider), httpx.Client() as browser:
        answer = browser.get(arrive(house, browser))
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        cookies = answer.headers.get_list("set-cookie")
        (kept,) = [one for one in cookies if one.startswith("footprint=fps_")]
        assert "HttpOnly" in kept
        assert "SameSite=lax" in kept
        me = browser.get(f"{house.address}/v1/me").json()
        assert (me["kind"], me["label"], me["roles"]) == ("person", "agent-1@example.org", [])
        assert browser.get(f"{house.address}/v1/sia").status_code == 403
        change = {"label": "agent-1@example.org", "roles": ["reader"]}
        house.client.headers.update(entry.shown(entry.OPERATOR))
        assert house.put(f"/v1/accounts/{me['id']}", change).json()["roles"] == ["reader"]
        assert browser.get(f"{house.address}/v1/sia").status_code == 200
        again = httpx.Client()
        again.get(arrive(house, again))
        assert again.get(f"{house.address}/v1/me").json()["id"] == me["id"]
        again.close()
        assert ("GET", "/.well-known/openid-configuration") in provider.asked


def test_what_the_provider_is_asked(pair: tuple[House, Provider]) -> None:
    """Code and PKCE; state and nonce of 32 characters at least, other ones each time (ProConnect);
    the address back is the one that is set, whatever Host the request has."""
    house, _ = pair
    asked = []
    for _ in range(2):
        answer = house.get("/sign-in/provider", Host="evil.example")
        asked.append(parse_qs(urlsplit(answer.headers["location"]).query))
    for one in asked:
        assert one["response_type"] == ["code"]
        assert one["scope"] == ["openid email siret"]
        assert one["acr_values"] == ["eidas1"]
        assert one["code_challenge_method"] == ["S256"]
        assert one["redirect_uri"] == [f"{house.address}/sign-in/callback"]
        assert min(len(one["state"][0]), len(one["nonce"][0])) >= 32
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]


def test_another_state_is_refused(pair: tuple[House, Provider]) -> None:
    """Wrong, empty, absent, or that of another browser; and a browser that began nothing."""
    house, _ = pair
    with httpx.Client() as browser, httpx.Client() as other:
        back = arrive(house, browser)
        arrive(house, other)
        for changed in (
            back.copy_set_param("state", "x" * 43),
            back.copy_set_param("state", ""),
            back.copy_remove_param("state"),
        ):
            assert browser.get(changed).status_code == 401
        assert other.get(back).status_code == 401
        assert httpx.get(back).status_code == 401
        assert browser.get(back).status_code == 303
    assert set(reasons(house)) == {
        "state: not that of this browser",
        "state: this browser began no sign-in, or long ago",
    }


def test_a_code_is_taken_once(pair: tuple[House, Provider]) -> None:
    """Replayed with all that the browser showed the first time."""
    house, _ = pair
    with httpx.Client() as browser, httpx.Client() as thief:
        back = arrive(house, browser)
        thief.cookies.update(browser.cookies)
        assert browser.get(back).status_code == 303
        assert thief.get(back).status_code == 401
        assert thief.get(f"{house.address}/v1/me").json()["kind"] == "nobody"
    assert reasons(house) == ["token: answered 400"]


def test_another_issuer_s_answer_is_refused(pair: tuple[House, Provider]) -> None:
    """`iss` of the answer (RFC 9207), and an error instead of a code."""
    house, _ = pair
    with httpx.Client() as browser:
        back = arrive(house, browser)
        assert back.params.get("iss")
        assert browser.get(back.copy_set_param("iss", "https://evil.example")).status_code == 401
        refused = back.copy_remove_param("code").copy_set_param("error", "access_denied")
        assert browser.get(refused).status_code == 401
    assert reasons(house) == [
        "iss: another issuer answered",
        "the provider refused: 'access_denied'",
    ]


def test_an_expired_token_is_refused(tmp_path: Path) -> None:
    """A provider's of one second, an hour later; within the leeway of clocks it is taken."""
    with provided(tmp_path, token_seconds=1) as (house, _), httpx.Client() as browser:
        house.now = datetime.now(UTC) + timedelta(hours=1)
        assert browser.get(arrive(house, browser)).status_code == 401
        assert reasons(house) == ["token: expired"]
        house.now = datetime.now(UTC)
        time.sleep(2)
        assert browser.get(arrive(house, browser)).status_code == 303


EVIL = "https://evil.example"


@pytest.mark.parametrize("what", CLAIMS)
def test_a_claim_that_a_forger_changed_is_refused(pair: tuple[House, Provider], what: str) -> None:
    """Signed with the provider's own key, so that it is the claim itself that is refused."""
    house, provider = pair
    change, reason = CLAIMS[what]

    def forged(token: str) -> str:
        claims = claims_of(token)
        change(claims)
        return provider.signed(claims)

    provider.forge = forging("id_token", forged)
    refuse(house, reason)
    provider.forge = None
    with httpx.Client() as browser:
        assert browser.get(arrive(house, browser)).status_code == 303


def refuse(house: House, reason: str) -> None:
    """A sign-in is refused, the log says why, the browser is nobody's and is not told."""
    with httpx.Client() as browser:
        answer = browser.get(arrive(house, browser))
        assert answer.status_code == 401
        assert reason not in answer.text
        assert browser.get(f"{house.address}/v1/me").json()["kind"] == "nobody"
    assert reasons(house)[-1].startswith(reason)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(provider: Provider, token: str) -> str:
    """The same claims, by `alg: none`."""
    head = _b64(b'{"alg":"none","kid":"key-1"}')
    return f"{head}.{token.split('.')[1]}."


def confused(provider: Provider, token: str) -> str:
    """The same claims, by HMAC with what everybody knows: the public key."""
    public = provider.key.as_pem(private=False)
    key = OctKey.import_key(public)
    return jwt.encode({"alg": "HS256", "kid": "key-1"}, claims_of(token), key, algorithms=["HS256"])


def secretly(provider: Provider, token: str) -> str:
    """The same claims, by HMAC with the client's secret, which OpenID Connect would allow."""
    key = OctKey.import_key(SECRET)
    return jwt.encode({"alg": "HS256", "kid": "key-1"}, claims_of(token), key, algorithms=["HS256"])


def tampered(provider: Provider, token: str) -> str:
    """Other claims under the signature of the first ones."""
    head, _, signature = token.split(".")
    claims = {**claims_of(token), "sub": "administrator"}
    return f"{head}.{_b64(msgspec.json.encode(claims))}.{signature}"


def foreign(provider: Provider, token: str) -> str:
    """The same claims by another key of the same name."""
    key = RSAKey.generate_key(2048, {"kid": "key-1"})
    return jwt.encode({"alg": "RS256", "kid": "key-1"}, claims_of(token), key)


def strange(provider: Provider, token: str) -> str:
    """By a key that the provider does not have, sent along in the token's own head."""
    key = RSAKey.generate_key(2048, {"kid": "key-2"})
    head = {"alg": "RS256", "kid": "key-2", "jwk": key.as_dict(private=False)}
    return jwt.encode(head, claims_of(token), key)


FORGED = [unsigned, confused, secretly, tampered, foreign, strange]


@pytest.mark.parametrize("forged", FORGED, ids=lambda one: one.__name__)
def test_a_token_that_the_provider_did_not_sign_is_refused(
    pair: tuple[House, Provider], forged: Callable[[Provider, str], str]
) -> None:
    """Neither by no signature, nor by one of another kind or key."""
    house, provider = pair
    provider.forge = forging("id_token", lambda token: forged(provider, token))
    refuse(house, "token: ")


@pytest.mark.parametrize("forged", [unsigned, tampered, foreign], ids=lambda one: one.__name__)
def test_a_userinfo_that_the_provider_did_not_sign_is_refused(
    pair: tuple[House, Provider], forged: Callable[[Provider, str], str]
) -> None:
    """Where it comes as a token it is held to what a token is."""
    house, provider = pair

    def forge(path: str, body: bytes, kind: str) -> tuple[bytes, str]:
        return (forged(provider, body.decode()).encode(), kind) if path == "/me" else (body, kind)

    provider.forge = forge
    refuse(house, "token: ")


def test_a_userinfo_of_another_is_refused(pair: tuple[House, Provider]) -> None:
    """Signed by the provider, and of another subject or for another service."""
    house, provider = pair
    for change, reason in (
        ({"sub": "somebody"}, "userinfo: tells of another subject"),
        ({"aud": "other"}, "token: for another audience"),
        ({"iss": "https://evil.example"}, "token: of another issuer"),
    ):

        def forge(path: str, body: bytes, kind: str, change: Any = change) -> tuple[bytes, str]:
            if path != "/me":
                return body, kind
            return provider.signed({**claims_of(body.decode()), **change}).encode(), kind

        provider.forge = forge
        refuse(house, reason)


def test_a_provider_that_tells_of_another_is_not_asked(pair: tuple[House, Provider]) -> None:
    """Discovery by another issuer's name, of no JSON, too large, or with addresses without TLS."""
    house, provider = pair

    def other(member: str, value: str) -> Any:
        return forging(member, lambda _: value)

    for forge, reason in (
        (other("issuer", "https://evil.example"), "discovery: tells of another issuer"),
        (other("token_endpoint", "http://evil.example/token"), "discovery: names an address"),
        (lambda *_: (b"<html>", "text/html"), "discovery: "),
        (lambda *_: (b" " * 300_000, "application/json"), "discovery: more than"),
    ):
        provider.forge = forge
        answer = house.get("/sign-in/provider")
        assert answer.status_code == 401
        assert reasons(house)[-1].startswith(reason)


def test_whoever_is_disabled_stays_out(pair: tuple[House, Provider]) -> None:
    """Whatever the provider says; and what was signed in is signed out."""
    house, _ = pair
    house.client.headers.update(entry.shown(entry.OPERATOR))
    with httpx.Client() as browser:
        browser.get(arrive(house, browser))
        me = browser.get(f"{house.address}/v1/me").json()["id"]
        house.put(f"/v1/accounts/{me}", {"label": "a", "roles": ["reader"], "disabled": True})
        assert browser.get(f"{house.address}/v1/me").json()["kind"] == "nobody"
        assert browser.get(arrive(house, browser)).status_code == 403


def test_a_stranger_is_forgotten(pair: tuple[House, Provider]) -> None:
    """After thirty days without a right; who was given one stays."""
    house, provider = pair
    house.client.headers.update(entry.shown(entry.OPERATOR))
    known = {}
    for name in ("stranger", "reader"):
        provider.sign_in_as(name)
        with httpx.Client() as browser:
            browser.get(arrive(house, browser))
            known[name] = browser.get(f"{house.address}/v1/me").json()["id"]
    house.put(f"/v1/accounts/{known['reader']}", {"label": "reader", "roles": ["reader"]})
    house.app.state.footprint.store.close()
    house.execute("UPDATE account SET seen_us = seen_us - 31 * 86400000000")
    provider.sign_in_as("next")
    with httpx.Client() as browser:
        browser.get(arrive(house, browser))
    held = {one["account_id"] for one in house.get("/v1/accounts").json()["items"]}
    assert known["reader"] in held
    assert known["stranger"] not in held


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"issuer": "http://provider.example"}, "--issuer http://provider.example: needs https"),
        ({"public_url": "footprint.example"}, "--public-url footprint.example: needs https"),
        ({"secret_file": Path("/nowhere")}, "--oidc-secret-file: cannot read /nowhere"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """One line before anything is served."""
    secret = tmp_path / "secret"
    secret.write_text("s", encoding="utf-8")
    told = {
        "issuer": "https://p.example",
        "client_id": CLIENT,
        "secret_file": secret,
        "public_url": "https://f.example",
        **change,
    }
    with pytest.raises(SettingError, match=words):
        House(tmp_path / "f.db", datetime.now(UTC), provider=settings.Provider(**told))
