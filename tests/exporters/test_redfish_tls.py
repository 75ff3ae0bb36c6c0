"""A controller's certificate: the right authority is accepted; any other ends before the login."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporters.clock import Boot
from exporters.sensors.redfish import Bmc, Redfish
from exporters.sensors.sensor import Failure
from exporters.twin import redfish
from footprint.reading import PowerSample
from tests.tools import require_tool

C = "/redfish/v1/Chassis"
DOCUMENTS: dict[str, dict[str, Any]] = {
    C: {"Members": [{"@odata.id": f"{C}/1"}]},
    f"{C}/1": {"Power": {"@odata.id": f"{C}/1/Power"}},
    f"{C}/1/Power": {"PowerControl": [{"PowerConsumedWatts": 300}]},
}
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(folder: Path, *arguments: str) -> None:
    """Run openssl in `folder`."""
    command = [require_tool("openssl"), *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def authority(folder: Path, name: str) -> Path:
    """A certificate authority of our own: its certificate."""
    files = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2")
    openssl(folder, "req", "-x509", *KEY, "-subj", f"/CN={name}", *files)
    return folder / f"{name}.pem"


def certified(folder: Path, address: str) -> ssl.SSLContext:
    """A server that `ours` vouches for under this address."""
    openssl(folder, "req", *KEY, "-subj", "/CN=bmc", "-keyout", "bmc.key", "-out", "bmc.csr")
    (folder / "names").write_text(f"subjectAltName=IP:{address}\n")
    signer = ("-CA", "ours.pem", "-CAkey", "ours.key", "-CAcreateserial", "-extfile", "names")
    openssl(folder, "x509", "-req", "-in", "bmc.csr", *signer, "-days", "2", "-out", "bmc.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "bmc.pem", folder / "bmc.key")
    return context


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, `ours` and `theirs`."""
    made = tmp_path_factory.mktemp("tls")
    for name in ("ours", "theirs"):
        authority(made, name)
    return made


@pytest.fixture
def service(folder: Path) -> Iterator[redfish.Service]:
    """A controller on HTTPS with a certificate by `ours`."""
    context = certified(folder, "127.0.0.1")
    with redfish.serving(lambda path: (200, DOCUMENTS[path]), context, keep=True) as found:
        yield found


def reading(service: redfish.Service, ca_file: Path | None) -> Any:
    """One reading by an agent that trusts this file."""
    bmc = Bmc(service.url, redfish.USER, redfish.PASSWORD, str(ca_file) if ca_file else None)
    meter = Redfish(bmc, Boot("boot", lambda: 7))
    try:
        return meter.read()
    finally:
        meter.close()


def test_the_right_authority_is_accepted(service: redfish.Service, folder: Path) -> None:
    """A handshake, a login, a reading."""
    assert reading(service, folder / "ours.pem") == PowerSample(300_000_000, 7, "boot")
    assert len(service.asked) == 4
    assert all(allowed for _, allowed in service.asked)


def refused(service: redfish.Service, ca_file: Path | None) -> str:
    """The one line of a handshake that failed; nothing was asked, so no password was sent."""
    found = reading(service, ca_file)
    assert isinstance(found, Failure)
    assert found.gap.cause == "read_failed"
    assert service.asked == []
    assert "\n" not in found.error
    assert redfish.PASSWORD not in found.error
    assert f"redfish: {service.url}: {C}: certificate not trusted: " in found.error
    assert "set ca_file to the certificate (PEM)" in found.error
    return found.error


def test_another_authority_is_refused_before_the_login(
    service: redfish.Service, folder: Path
) -> None:
    """One line with what and remedy; so does an agent that was told of no authority."""
    assert "unable to get local issuer certificate" in refused(service, folder / "theirs.pem")
    refused(service, None)


def test_a_certificate_for_another_name_is_refused_before_the_login(folder: Path) -> None:
    """The right authority, another controller."""
    context = certified(folder, "127.0.0.2")
    with redfish.serving(lambda path: (200, DOCUMENTS[path]), context, keep=True) as found:
        assert "not valid for '127.0.0.1'" in refused(found, folder / "ours.pem")
