"""Every setting of the service, read once from the command line; nothing else reads them.

In: command line arguments. Out: one frozen `Settings`. The clock is no setting: it is passed to
`create_app`.
"""

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from footprint.service.addresses import is_loopback
from footprint.service.alert_settings import Alerts
from footprint.service.errors import SettingError
from footprint.service.place import DEFAULT, Place

DEFAULT_LISTEN = "127.0.0.1:8787"
DEFAULT_ZONE = "FR"
DEFAULT_PROXIES = ("127.0.0.1", "::1")
BODY_LIMIT_BYTES = 32 * 1024 * 1024
BODY_SECONDS = 60.0
LEAST_AUDIT_DAYS = 30
"""What the database itself holds to (migration 0017)."""
LEAST_TOKEN_CHARACTERS = 22
"""128 random bits in base64 (OWASP ASVS 5.0, 6.5.2): a hash without salt is enough from there."""


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider of OpenID Connect, and how this service is known there: `issuer` as its tokens
    name it; `client_id`, and the file of the client's secret; `public_url`, under which people
    reach this service; what is asked for besides `openid` (`scopes`), and the assurances held to
    (`acr_values`, such as ProConnect's `eidas1`). `required`: claims that whoever signs in must
    have, by name, each with the values that will do (such as the ministry's `siret`)."""

    issuer: str
    client_id: str
    secret_file: Path
    public_url: str
    scopes: tuple[str, ...] = ("email",)
    acr_values: str | None = None
    required: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, url in (("issuer", self.issuer), ("public-url", self.public_url)):
            parts = urlsplit(url)
            local = parts.scheme == "http" and is_loopback(parts.hostname or "")
            if not (parts.scheme == "https" or local) or not parts.netloc or parts.query:
                raise SettingError(f"--{name} {url[:80]}: needs https://, or http:// on loopback")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `footprint serve` runs with.

    `database`: SQLite file, made on first start, or a database of a PostgreSQL server. `host`,
    `port`: where to listen; 0 lets the operating system choose. `token_sha256`: digest of the
    operator's token, None for none. `zone`: of the electricity factors. `proxies`: whose
    `X-Forwarded-For` and `-Proto` are believed. `audit_days`: how long the audit log is kept.
    `keep_months`: how many whole months of pages the database keeps before they leave for a file in
    `archive_to`, 0 for good.
    `tls_cert`, `tls_key`: PEM files, None where a proxy brings TLS; `tls_client_ca`: whose
    certificates clients must have, None for no such question. `provider`: where people sign in,
    None for local accounts alone. `open_reading`: whoever reaches the service may read as a reader.
    `alerts`: who is told of budgets, and when.

    The limits (`LIMITS`): the most that a request body may weigh and last; how long a request's
    head may take to come, and an answer to be taken, before the connection is closed; connections,
    and requests served at once, in all, of one address, of one host's token; requests a second of
    an address and of a token (ten seconds' worth at once), and refused tokens a minute of an
    address. Programs of this machine are held to the limits of an address only for refused tokens.
    """

    database: Place = DEFAULT
    host: str = "127.0.0.1"
    port: int = 8787
    token_sha256: bytes | None = None
    zone: str = DEFAULT_ZONE
    proxies: tuple[str, ...] = DEFAULT_PROXIES
    audit_days: int = 365
    keep_months: int = 0
    archive_to: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    provider: Provider | None = None
    open_reading: bool = False
    alerts: Alerts = Alerts()
    body_limit_bytes: int = BODY_LIMIT_BYTES
    body_seconds: float = BODY_SECONDS
    head_seconds: float = 10.0
    stall_seconds: float = 30.0
    connections: int = 1000
    connections_per_address: int = 100
    requests_at_once: int = 200
    requests_at_once_per_address: int = 50
    requests_at_once_per_token: int = 4
    requests_per_second_per_address: float = 50.0
    requests_per_second_per_token: float = 20.0
    refusals_per_minute_per_address: float = 30.0

    def __post_init__(self) -> None:
        closed = self.token_sha256 is not None or self.provider is not None
        if not closed and not is_loopback(self.host):
            raise SettingError(
                f"--listen {self.host}: without a token anyone could write pages; "
                "give --token-file FILE or listen on 127.0.0.1"
            )
        if self.audit_days < LEAST_AUDIT_DAYS:
            raise SettingError(f"--audit-days {self.audit_days}: {LEAST_AUDIT_DAYS} at least")
        if self.keep_months < 0:
            raise SettingError(f"--keep-months {self.keep_months}: 0 keeps every month for good")
        if bool(self.keep_months) != (self.archive_to is not None):
            raise SettingError("--keep-months, --archive-to: one needs the other")
        if self.archive_to is not None and not self.archive_to.is_dir():
            raise SettingError(f"--archive-to {self.archive_to}: no such folder; make it first")
        if self.tls_cert is None and (self.tls_key or self.tls_client_ca):
            raise SettingError("--tls-key, --tls-client-ca: only with --tls-cert")
        for proxy in self.proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise SettingError(f"--proxy {proxy[:80]}: {error}") from error


LIMITS: dict[str, type] = {
    field.name: field.type
    for field in msgspec.structs.fields(Settings)
    if field.type in (int, float) and field.name not in ("port", "audit_days", "keep_months")
}
"""The limits that `--limit` sets, and the type of each."""


def parse_limits(texts: Iterable[str]) -> dict[str, float]:
    """Limits in `NAME=NUMBER`; SettingError for another name, or a number that is not above 0."""
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in LIMITS:
            names = ", ".join(LIMITS)
            raise SettingError(f"--limit {text[:80]}: write NAME=NUMBER; names: {names}")
        try:
            value = LIMITS[name](number)
        except ValueError:
            value = 0
        if not 0 < value < 2**40:
            kind = "a whole number" if LIMITS[name] is int else "a number"
            raise SettingError(f"--limit {text[:80]}: needs {kind} above 0")
        found[name] = value
    return found


def parse_required(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Claims in `NAME=VALUE`; a name that comes again has another value that will do."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name or not value:
            raise SettingError(f"--oidc-require {text[:80]}: write NAME=VALUE, such as siret=...")
        found[name] = (*found.get(name, ()), value)
    return found


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port in `HOST:PORT` (an IPv6 host in brackets)."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (
        colon
        and host
        and len(port) <= 5
        and port.isascii()
        and port.isdigit()
        and int(port) < 65536
    ):
        raise SettingError(f"--listen {text[:80]}: write HOST:PORT, such as {DEFAULT_LISTEN}")
    return host, int(port)


def read_token(path: Path) -> bytes:
    """SHA-256 of the token on the first line of `path`."""
    try:
        token = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingError(f"--token-file: cannot read {path}: {reason}") from error
    if len(token) < LEAST_TOKEN_CHARACTERS:
        raise SettingError(
            f"--token-file: {path} needs a token of {LEAST_TOKEN_CHARACTERS} characters or more; "
            "make one with: openssl rand -base64 32"
        )
    return digest(token)


def digest(token: str) -> bytes:
    """What is compared instead of a token."""
    return hashlib.sha256(token.encode()).digest()
