"""Every setting of the service, read once from the command line; nothing else reads them.

In: command line arguments. Out: one frozen `Settings`. The clock is no setting: it is passed to
`create_app`.
"""

import hashlib
import ipaddress
from pathlib import Path

import msgspec

DEFAULT_DATABASE = Path("footprint.db")
DEFAULT_LISTEN = "127.0.0.1:8787"
DEFAULT_ZONE = "FR"
BODY_LIMIT_BYTES = 32 * 1024 * 1024
BODY_SECONDS = 60.0
LEAST_TOKEN_CHARACTERS = 22
"""128 random bits in base64 (OWASP ASVS 5.0, 6.5.2): a hash without salt is enough from there."""


class SettingError(ValueError):
    """A setting that cannot be used; the message says which and what to do."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `footprint serve` runs with.

    `database`: SQLite file, made on first start. `host`, `port`: where to listen; 0 lets the
    operating system choose. `token_sha256`: digest of the token that writers present, None for
    none. `zone`: of the electricity factors. `body_limit_bytes`, `body_seconds`: the most that a
    request body may weigh and last.
    """

    database: Path = DEFAULT_DATABASE
    host: str = "127.0.0.1"
    port: int = 8787
    token_sha256: bytes | None = None
    zone: str = DEFAULT_ZONE
    body_limit_bytes: int = BODY_LIMIT_BYTES
    body_seconds: float = BODY_SECONDS

    def __post_init__(self) -> None:
        if self.token_sha256 is None and not is_loopback(self.host):
            raise SettingError(
                f"--listen {self.host}: without a token anyone could write pages; "
                "give --token-file FILE or listen on 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
