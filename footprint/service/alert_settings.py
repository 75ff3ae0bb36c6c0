"""How alerts leave the house: a mail server, a webhook, hours in which they wait.

In: command line arguments, files of secrets. Out: one frozen `Alerts`. Nothing leaves unless one of
the two is named.
"""

import base64
import ipaddress
import re
from datetime import time
from email.utils import parseaddr
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from footprint.alert import Quiet
from footprint.portal.languages import LANGUAGES
from footprint.service.addresses import is_loopback
from footprint.service.errors import SettingError

Security = Literal["starttls", "tls", "none"]
PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
_ADDRESS = re.compile(
    rf"(?=[^@]{{1,64}}@)[A-Za-z0-9_%+\-]+(?:\.[A-Za-z0-9_%+\-]+)*@{_LABEL}(?:\.{_LABEL})*\Z"
)
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)\Z")
LEAST_KEY_BYTES = 24
MOST_KEY_BYTES = 64
"""Standard Webhooks, "Signature scheme"."""


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mail server: `security` is `starttls` (never without), `tls` from the first byte, or
    `none`; `sender`, and who signs in with which password's file, None for nobody. `to`: who is
    told everything. `domains`: those of addresses that a budget may name besides."""

    host: str
    port: int
    security: Security
    sender: str
    to: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Without the password."""
        return f"Mail({self.host}:{self.port}, {self.security}, {self.sender})"

    def __post_init__(self) -> None:
        for name, addresses in (("from", (self.sender,)), ("to", self.to)):
            for address in addresses:
                if not is_address(address):
                    raise SettingError(f"--alert-mail-{name} {address[:80]!r}: no mail address")
        for domain in self.domains:
            if not _DOMAIN.match(domain):
                raise SettingError(f"--alert-mail-domain {domain[:80]!r}: no domain")
        if (self.user is None) != (self.password is None):
            raise SettingError("--alert-mail-user, --alert-mail-password-file: one needs the other")
        if self.user is not None and self.security == "none" and not is_loopback(self.host):
            raise SettingError(
                "--alert-mail-user: a password would be sent for all to read; "
                "use --alert-mail-security starttls or tls"
            )

    def may_write_to(self, address: str) -> bool:
        """Whether a budget may name this address."""
        domain = address.rpartition("@")[2].lower()
        return is_address(address) and domain in {one.lower() for one in self.domains}


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where alerts are posted, and what they are signed with, None for not at all."""

    url: str
    key: bytes | None = None

    def __repr__(self) -> str:
        """Without the address, which is often a secret, and the key."""
        return "Webhook()"

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            named = _is_host(parts.hostname or "") and parts.port != 0
        except ValueError:  # brackets that do not close, no number for a port
            named = False
        if not named:
            raise SettingError("--alert-webhook-file: the address has no host or port that can be")
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if not (parts.scheme == "https" or local) or parts.username:
            raise SettingError(
                "--alert-webhook-file: the address needs https://, or http:// on loopback, "
                "and no user in it"
            )
        if not self.url.isascii() or not self.url.isprintable() or " " in self.url:
            raise SettingError("--alert-webhook-file: the address has characters to be escaped")


class Alerts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What leaves and when: `public_url`, under which people reach this service; `seconds` between
    two looks at the budgets."""

    public_url: str = ""
    mail: Mail | None = None
    webhook: Webhook | None = None
    quiet: Quiet | None = None
    language: str = "fr"
    seconds: float = 300.0

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise SettingError(f"--alert-language {self.language[:20]}: one of fr, en")
        if not 1 <= self.seconds <= 86_400:
            raise SettingError(f"--alert-seconds {self.seconds:g}: between 1 and 86400")
        if (self.mail or self.webhook) and not self.public_url:
            raise SettingError("--alert-...: needs --public-url, which messages lead to")


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(_DOMAIN.match(text))
    return True


def is_address(text: str) -> bool:
    """Whether a text is a plain mail address, without a name."""
    return len(text) <= 200 and bool(_ADDRESS.match(text)) and parseaddr(text)[1] == text


def parse_server(text: str, security: Security) -> tuple[str, int]:
    """Host and port in `HOST` or `HOST:PORT`; the port of the kind of connection where it lacks."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(PORTS[security])
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise SettingError(f"--alert-mail-server {text[:80]}: write HOST or HOST:PORT")
    return host, int(port)


def parse_quiet(text: str | None, *, weekends: bool) -> Quiet | None:
    """`HH:MM-HH:MM`, such as 19:00-08:00; weekends alone where it is None."""
    if text is None:
        return Quiet(time(), time(), weekends=True) if weekends else None
    found = _HOURS.match(text)
    hours = [int(part) for part in found.groups()] if found else []
    if not found or hours[:2] == hours[2:]:
        raise SettingError(f"--alert-quiet {text[:40]}: write HH:MM-HH:MM, such as 19:00-08:00")
    return Quiet(time(hours[0], hours[1]), time(hours[2], hours[3]), weekends)


def read_key(name: str, path: Path) -> bytes:
    """A key in base64 on the first line of a file, after `whsec_` or not. Raises SettingError."""
    try:
        key = base64.b64decode(read_line(name, path).removeprefix("whsec_"), validate=True)
    except ValueError:  # binascii.Error is one
        key = b""
    if not LEAST_KEY_BYTES <= len(key) <= MOST_KEY_BYTES:
        raise SettingError(
            f"--{name}: {path} needs {LEAST_KEY_BYTES} to {MOST_KEY_BYTES} bytes in base64; "
            "make some with: openssl rand -base64 32"
        )
    return key


def read_line(name: str, path: Path) -> str:
    """The first line of a secret's file. Raises SettingError."""
    try:
        line = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingError(f"--{name}: cannot read {path}: {reason}") from error
    if not line:
        raise SettingError(f"--{name}: {path}: its first line is empty")
    return line
