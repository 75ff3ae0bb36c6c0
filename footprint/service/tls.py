"""TLS of the service's own, for where no proxy brings it; and, if asked for, of clients too.

In: paths of PEM files. Out: a context, or a SettingError that says which file and why. Versions and
ciphers are Python's and OpenSSL's own choice for servers: TLS 1.2 and 1.3.
"""

import ssl
from pathlib import Path

from footprint.service.errors import SettingError
from footprint.service.settings import Settings


def context(settings: Settings) -> ssl.SSLContext | None:
    """How connections are encrypted; None for not at all. With `tls_client_ca`, who has no
    certificate of that authority is not even heard."""
    if settings.tls_cert is None:
        return None
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    key = settings.tls_key or settings.tls_cert
    _readable("--tls-cert", settings.tls_cert)
    _readable("--tls-key", key)
    try:
        made.load_cert_chain(settings.tls_cert, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise SettingError(
            f"--tls-cert {settings.tls_cert}, --tls-key {key}: {_reason(error)}; give a "
            "certificate (with its chain) and its own key, in PEM, the key without a password"
        ) from error
    if settings.tls_client_ca is not None:
        _readable("--tls-client-ca", settings.tls_client_ca)
        try:
            made.load_verify_locations(settings.tls_client_ca)
        except ssl.SSLError as error:
            raise SettingError(
                f"--tls-client-ca {settings.tls_client_ca}: {_reason(error)}; give the "
                "authority's certificate in PEM"
            ) from error
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def _readable(option: str, path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise SettingError(f"{option}: cannot read {path}: {error.strerror}") from error


def _no_password() -> str:
    """Asked for where a key has one: a service that waits for somebody to type does not start."""
    raise ValueError("the key has a password")


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
