"""The way to the service: its address, its token, a connection whose certificate is verified,
bodies that are packed where it pays, and when a service that is busy wants to be asked again.
"""

import http.client
import ipaddress
import ssl
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from exporters.errors import SettingsError

TIMEOUT_SECONDS = 20
PACKED_FROM_BYTES = 64 * 1024
"""A page or two are not worth the memory of a packer, which is loaded for a backlog alone."""
LEVEL = 3
LONGEST_ASKED_SECONDS = 900.0
"""A service that asks for more is asked again after a quarter-hour all the same."""


class Trust(msgspec.Struct, frozen=True):
    """Files of PEM: `ca_file`, the certificates to trust instead of the system's;
    `certificate_file`, the one that this host shows to a service that wants one, with its key in it
    or in `key_file`."""

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None


OF_THE_SYSTEM = Trust()


def split_url(url: str, what: str = "service") -> tuple[str, str, int | None, str]:
    """Scheme, host, port and path of a URL; `what` names the setting. Raises SettingsError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        url.encode("ascii")
    except ValueError as error:
        raise SettingsError(
            f"{what}: not a URL in ASCII: {error}; write https://HOST[:PORT]"
        ) from error
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError(
            f"{what}: the URL holds a user, a query or a fragment; write https://HOST[:PORT] and "
            "put the token in token_file"
        )
    if not host or not url.isprintable() or " " in url:
        raise SettingsError(f"{what}: {url!r} names no host; write https://HOST[:PORT]")
    return parts.scheme, host, port, parts.path.rstrip("/")


def connect(
    scheme: str, host: str, port: int | None, trust: Trust = OF_THE_SYSTEM
) -> http.client.HTTPConnection:
    """A connection that is opened by its first request. Raises SettingsError where a file of
    `trust` cannot be used."""
    if trust.key_file is not None and trust.certificate_file is None:
        raise SettingsError("key_file: is the key of which? set certificate_file too")
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        context = ssl.create_default_context(cafile=trust.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"ca_file: cannot use {trust.ca_file}: {_reason(error)}; name a file of certificates "
            "in PEM"
        ) from error
    if trust.certificate_file is not None:
        _show(context, trust.certificate_file, trust.key_file)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)


def _show(context: ssl.SSLContext, certificate_file: str, key_file: str | None) -> None:
    try:
        # A password would be asked for at the terminal: the key has to have none.
        context.load_cert_chain(certificate_file, key_file, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"certificate_file: cannot use {certificate_file}: {_reason(error)}; name a "
            "certificate in PEM and its own key without a password, in it or in key_file"
        ) from error


def _reason(error: OSError) -> object:
    return error.strerror if error.strerror and not isinstance(error, ssl.SSLError) else error


def read_token(path: str | None) -> str | None:
    """The token in a file. Raises SettingsError, which never shows what the file holds."""
    if path is None:
        return None
    try:
        token = Path(path).read_text(encoding="latin-1").strip()
    except OSError as error:
        raise SettingsError(
            f"token_file: cannot read {path}: {error.strerror}; give the agent's user the right to"
        ) from error
    if not token or not all("!" <= character <= "~" for character in token):
        raise SettingsError(
            f"token_file: {path} does not hold one token of visible ASCII characters; "
            "write the token alone into it"
        )
    return token


def is_open(url: str) -> bool:
    """Whether everybody on the way to another host could read what is sent there."""
    scheme, host, _, _ = split_url(url)
    if scheme == "https" or host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def pack(body: bytes) -> bytes | None:
    """The body in zstd; None where that does not pay, or cannot be done here."""
    if len(body) < PACKED_FROM_BYTES:
        return None
    try:
        import zstandard  # noqa: PLC0415 - see PACKED_FROM_BYTES
    except ImportError:
        return None
    return zstandard.ZstdCompressor(level=LEVEL).compress(body)


def asked_seconds(response: http.client.HTTPResponse) -> float:
    """For how long a service that is busy does not want to be asked (RFC 9110, 10.2.3: seconds, or
    a date); 0 where it does not say."""
    if response.status not in (429, 503):
        return 0.0
    said = response.headers.get("Retry-After", "").strip()
    try:
        if said.isascii() and said.isdigit():
            seconds = float(said[:9])
        else:
            now = parsedate_to_datetime(response.headers["Date"])
            seconds = (parsedate_to_datetime(said) - now).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_ASKED_SECONDS)
