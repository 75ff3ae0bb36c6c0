"""TLS of the service's own: what it shows, whom it hears, and files that cannot be used."""

import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporters import push
from exporters.errors import SettingsError
from exporters.link import Trust
from footprint.service import tls
from footprint.service.app import create_app
from footprint.service.errors import SettingError
from footprint.service.settings import Settings, digest
from tests.pages import batch, make_ledger
from tests.running import Service, ended
from tests.service.certificates import authority, certificate, openssl
from tests.service.house import JSON, listening

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
TOKEN = "a-token-of-enough-randomness"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, and certificates of a server and of clients."""
    made = tmp_path_factory.mktemp("tls")
    for name in ("ours", "theirs"):
        authority(made, name)
    certificate(made, "server", "ours")
    certificate(made, "late-server", "ours", expired=True)
    certificate(made, "client", "ours")
    certificate(made, "stranger", "theirs")
    certificate(made, "late-client", "ours", expired=True)
    return made


@contextmanager
def serving(folder: Path, database: Path, server: str, **settings: Any) -> Iterator[str]:
    """The address of a service with a server's certificate."""
    chosen = Settings(database=database, tls_cert=folder / f"{server}.pem", **settings)
    with listening(create_app(chosen, lambda: NOON)) as address:
        yield address.replace("http://", "https://")


def post(folder: Path, address: str, certified: str | None = None) -> httpx.Response:
    """Push a page as a client that trusts our authority, with a certificate or without."""
    context = ssl.create_default_context(cafile=folder / "ours.pem")
    if certified:
        context.load_cert_chain(folder / f"{certified}.pem")
    headers = JSON | {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(verify=context, timeout=60) as client:
        return client.post(f"{address}/v1/pages", content=batch(make_ledger(1)), headers=headers)


def test_a_page_travels_encrypted(folder: Path, tmp_path: Path) -> None:
    """And a browser is told to stay with https; in the clear nothing is answered."""
    with serving(folder, tmp_path / "f.db", "server") as address:
        answer = post(folder, address)
        assert answer.json()["accepted"] == 1
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        with pytest.raises(httpx.HTTPError):
            httpx.get(address.replace("https://", "http://"), timeout=60)


@pytest.mark.parametrize("client", ["theirs", "late"])
def test_a_service_that_cannot_prove_itself_is_not_told_a_token(
    folder: Path, tmp_path: Path, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent's own connection: another authority's certificate, or one that is over."""
    server = "late-server" if client == "late" else "server"
    trusted = "theirs.pem" if client == "theirs" else "ours.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / trusted))
    with serving(folder, tmp_path / "f.db", server) as address:
        service = push.Service(address, TOKEN)
        with pytest.raises(ssl.SSLCertVerificationError):
            service.head("host-1", "0" * 8)
        service.close()


def test_the_agent_trusts_the_system_s_authorities(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ours among them it is served."""
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ours.pem"))
    with serving(folder, tmp_path / "f.db", "server") as address:
        service = push.Service(address, TOKEN)
        head = service.head("host-1", "0" * 8)
        service.close()
    assert head is not None
    assert head.seq == -1


@pytest.mark.parametrize("certified", [None, "stranger", "late-client", "client"])
def test_only_our_authority_s_clients_are_heard(
    folder: Path, tmp_path: Path, certified: str | None
) -> None:
    """Without a certificate, with another authority's, or with one that is over, the connection
    ends before a request; the token is asked for as well."""
    settings = {"tls_client_ca": folder / "ours.pem", "token_sha256": digest(TOKEN)}
    with serving(folder, tmp_path / "f.db", "server", **settings) as address:
        if certified == "client":
            assert post(folder, address, certified).json()["accepted"] == 1
            return
        with pytest.raises(httpx.HTTPError):
            post(folder, address, certified)


@pytest.mark.parametrize("files", [("client.pem", None), ("client.crt", "client.key")])
def test_the_agent_shows_its_certificate(
    folder: Path, tmp_path: Path, files: tuple[str, str | None]
) -> None:
    """With its key in the same file or in one of its own it is heard; without, it is not."""
    certificate_file, key_file = (str(folder / name) if name else None for name in files)
    settings = {"tls_client_ca": folder / "ours.pem", "token_sha256": digest(TOKEN)}
    with serving(folder, tmp_path / "f.db", "server", **settings) as address:
        ca_file = str(folder / "ours.pem")
        service = push.Service(address, TOKEN, trust=Trust(ca_file, certificate_file, key_file))
        head = service.head("host-1", "0" * 8)
        service.close()
        assert head is not None
        assert head.seq == -1
        bare = push.Service(address, TOKEN, trust=Trust(ca_file))
        with pytest.raises(OSError, match=r"(?i)certificate required|reset|broken pipe|eof|closed"):
            bare.head("host-1", "0" * 8)
        bare.close()


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        (("server.crt", "client.key"), r"certificate_file: cannot use .*its own key"),
        (("absent.pem", None), r"certificate_file: cannot use .*absent.pem: No such file"),
        ((None, "client.key"), "key_file: is the key of which"),
    ],
)
def test_a_certificate_that_cannot_be_shown_is_one_line(
    folder: Path, trust: tuple[str | None, str | None], words: str
) -> None:
    """It names the setting, the file and what is needed."""
    certificate_file, key_file = (str(folder / name) if name else None for name in trust)
    with pytest.raises(SettingsError, match=words):
        push.Service("https://127.0.0.1", None, trust=Trust(None, certificate_file, key_file))


def test_old_protocols_are_not_spoken(folder: Path) -> None:
    """TLS 1.2 at least."""
    context = tls.context(Settings(tls_cert=folder / "server.pem"))
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls.context(Settings()) is None


def test_a_key_of_another_file_is_taken(folder: Path, tmp_path: Path) -> None:
    """As certificates are mostly kept; the command says https."""
    arguments = ("--tls-cert", str(folder / "server.crt"), "--tls-key", str(folder / "server.key"))
    pattern = r"listening on (https://([\d.]+:\d+))"

    class Secure(Service):
        def _wait_for(self, _pattern: str) -> re.Match[str]:
            return super()._wait_for(pattern)

    service = Secure(tmp_path, *arguments)
    with ended(service):
        assert post(folder, service.url).json()["accepted"] == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tls_cert": "absent.pem"}, "--tls-cert: cannot read .*absent.pem: No such file"),
        ({"tls_cert": "server.crt", "tls_key": "absent"}, "--tls-key: cannot read"),
        ({"tls_cert": "server.crt", "tls_key": "client.key"}, "its own key"),
        ({"tls_cert": "server.crt", "tls_key": "locked.key"}, "the key has a password"),
        ({"tls_cert": "names"}, "--tls-cert .*names"),
        ({"tls_cert": "server.pem", "tls_client_ca": "names"}, "--tls-client-ca .*names: "),
        ({"tls_key": "server.key"}, "only with --tls-cert"),
    ],
)
def test_files_that_cannot_be_used_are_one_line(
    folder: Path, settings: dict[str, str], words: str
) -> None:
    """It names the option, the file and what is needed; no password is waited for."""
    openssl(folder, "ec", "-in", "server.key", "-out", "locked.key", "-aes256",
            "-passout", "pass:secret")  # fmt: skip
    with pytest.raises(SettingError, match=words) as caught:
        tls.context(Settings(**{name: folder / file for name, file in settings.items()}))
    assert "\n" not in str(caught.value)


def test_the_command_says_so(folder: Path, tmp_path: Path) -> None:
    """Exit code 1, before anything is served."""
    command = [sys.executable, "-m", "footprint.service.cli", "serve", "--listen", "127.0.0.1:0"]
    command += ["--database", str(tmp_path / "f.db"), "--tls-cert", str(folder / "absent.pem")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "--tls-cert: cannot read" in done.stderr
