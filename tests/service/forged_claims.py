"""Claims as a forger would change them, who has the provider's key, and why each is refused."""

from collections.abc import Callable
from typing import Any

from tests.provider.running import CLIENT

Change = Callable[[dict[str, Any]], None]
CLAIMS: dict[str, tuple[Change, str]] = {
    "issuer": (
        lambda claims: claims.update(iss="https://evil.example"),
        "token: of another issuer",
    ),
    "audience": (lambda claims: claims.update(aud="other"), "token: for another audience"),
    "audiences": (
        lambda claims: claims.update(aud=["other", "more"]),
        "token: for another audience",
    ),
    "party": (
        lambda claims: claims.update(aud=[CLIENT, "other"], azp="other"),
        "token: asked for by another than this service",
    ),
    "another party": (
        lambda claims: claims.update(azp="other"),
        "token: asked for by another than this service",
    ),
    "assurance": (lambda claims: claims.update(acr="eidas0"), "acr: not an assurance that"),
    "no assurance": (lambda claims: claims.pop("acr", None), "acr: not an assurance that"),
    "not yet": (
        lambda claims: claims.update(nbf=claims["iat"] + 7200),
        "token: its time has not come",
    ),
    "no instant": (lambda claims: claims.update(exp="soon"), "token: exp is no instant"),
    "nonce": (lambda claims: claims.update(nonce="n" * 43), "nonce: not that of this browser"),
    "no nonce": (lambda claims: claims.pop("nonce"), "nonce: not that of this browser"),
    "expired": (lambda claims: claims.update(exp=claims["exp"] - 7200), "token: expired"),
    "no end": (lambda claims: claims.pop("exp"), "token: without an end"),
    "future": (
        lambda claims: claims.update(iat=claims["iat"] + 7200),
        "token: issued in the future",
    ),
    "no subject": (lambda claims: claims.pop("sub"), "token: without a subject"),
    "subject": (
        lambda claims: claims.update(sub="somebody"),
        "userinfo: tells of another subject",
    ),
}
