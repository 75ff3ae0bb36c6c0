"""Secrets that the service hands out: one-time codes for enrolment, tokens of hosts and programs,
and what a browser that is signed in shows.

Each is shown once and kept as its SHA-256 alone: 256 random bits need neither salt nor a slow hash
(OWASP ASVS 5.0, 6.5.2). Its first part is no secret: it finds the row, and stands in the audit log.
"""

import hashlib
import hmac
import re
import secrets

import msgspec

CODE = "fpe"
"""How a code for enrolment begins."""
TOKEN = "fph"  # noqa: S105 - a prefix that tells the kinds apart, for people and secret scanners
"""How a host's token begins."""
PROGRAM = "fpp"
"""How a program's token begins."""
SIGN_IN = "fps"
"""How what a signed-in browser shows begins."""
ACCOUNT = "fpa"
"""How an account's id begins; it has no secret part."""

_FORM = re.compile(r"(fp[ehps]_[0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_NOTHING = "0" * 64


class Credential(msgspec.Struct, frozen=True):
    """A new secret: its public `id`, and its whole `text`, to be shown once."""

    id: str
    text: str

    def __repr__(self) -> str:
        """Without the secret: a traceback or a log may show it."""
        return f"Credential({self.id})"

    @property
    def sha256(self) -> str:
        """What is kept."""
        return digest(self.text)


def new(kind: str) -> Credential:
    """A secret of a kind, from the operating system's randomness."""
    public = f"{kind}_{secrets.token_hex(8)}"
    return Credential(public, f"{public}_{secrets.token_urlsafe(32)}")


def id_of(text: str, kind: str) -> str | None:
    """The public part of a secret of this kind; None where `text` has another form."""
    found = _FORM.fullmatch(text)
    return found[1] if found and text.startswith(f"{kind}_") else None


def digest(text: str) -> str:
    """SHA-256 of a secret, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def same(text: str, kept: str | None) -> bool:
    """Whether `text` is the secret whose digest is kept, in a time that does not tell how nearly;
    where none is kept, the same is computed."""
    equal = hmac.compare_digest(digest(text), kept or _NOTHING)
    return equal and kept is not None
