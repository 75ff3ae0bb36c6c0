"""A fleet's manners: spread pushes, patience with a busy service, packed backlogs, verified TLS."""

import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters import link, push
from exporters.errors import SettingsError
from exporters.link import Trust
from exporters.spool import Spool
from footprint.ledger import verify_chain
from tests.exporters.simulated import host
from tests.exporters.spools import HOST, fill
from tests.exporters.web import Web, serving
from tests.running import Service, ended, service_pages, wait_until
from tests.tools import require_tool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool with three pages that wait."""
    found = Spool(tmp_path / "spool.db", HOST)
    fill(found, 3)
    yield found
    found.close()


def pusher(spool: Spool, web: Web, jitter_seconds: float = 0.0) -> push.Pusher:
    """A pusher to that server."""
    web.ledger_id = spool.ledger_id
    service = push.Service(web.url, None)
    return push.Pusher(spool, service, lambda _: None, web.url, jitter_seconds=jitter_seconds)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_left_alone_for_as_long_as_it_asks(spool: Spool, status: int) -> None:
    """New pages do not wake it up before; being stopped does, for one last try."""
    with serving() as web:
        web.script, web.more = [(status, b"{}")] * 9, {"Retry-After": "300"}
        sender = pusher(spool, web)
        sender.start()
        wait_until(lambda: len(web.script) == 8, "the first try")
        for _ in range(20):
            sender.wake()
            time.sleep(0.02)
        assert len(web.script) == 8
        began = time.monotonic()
        sender.stop(30)
        assert not sender.is_alive()
        assert time.monotonic() - began < 10
    assert len(web.script) == 7
    assert spool.counts().waiting == 3


@pytest.mark.parametrize(
    ("status", "said", "seconds"),
    [
        (429, "30", 30),
        (503, "0", 0),
        (503, "Sun, 22 Nov 2026 10:01:30 GMT", 90),
        (503, "Sun, 22 Nov 2026 09:00:00 GMT", 0),
        (429, "99999999999999999999", link.LONGEST_ASKED_SECONDS),
        (429, "Sun, 22 Nov 2099 10:00:00 GMT", link.LONGEST_ASKED_SECONDS),
        (429, "soon", 0),
        (429, "-5", 0),
        (429, "", 0),
        (200, "30", 0),
        (500, "30", 0),
    ],
)
def test_what_a_service_asks_for_is_understood_and_bounded(
    spool: Spool, status: int, said: str, seconds: float
) -> None:
    """Seconds or a date; never longer than a quarter-hour; nonsense is nothing."""
    with serving() as web:
        web.script, web.more = [(status, b"{}")], {"Retry-After": said}
        web.now = lambda: 1_795_341_600.0  # Sun, 22 Nov 2026 10:00:00 GMT
        service = push.Service(web.url, None)
        assert service.send(spool.waiting(3))[0] == status
        service.close()
    assert service.asked_seconds == seconds


def test_a_fleet_does_not_push_in_the_second_in_which_it_seals(spool: Spool) -> None:
    """Woken by a page, a host waits for a while of its own; stopped, it does not."""
    with serving() as web:
        sender = pusher(spool, web, jitter_seconds=3600)
        sender.start()
        wait_until(lambda: spool.counts().waiting == 0, "the first push, at the start")
        time.sleep(0.3)  # it looks once more before it waits
        fill(spool, 1, first=3)
        sender.wake()
        time.sleep(0.3)
        assert spool.counts().waiting == 1
        sender.stop(30)
    assert spool.counts().waiting == 0


def test_a_backlog_is_packed_and_a_page_is_not(spool: Spool) -> None:
    """What arrives is byte for byte what was sealed."""
    with serving() as web:
        service = push.Service(web.url, None)
        web.ledger_id = spool.ledger_id
        assert service.send(spool.waiting(3))[0] == 200
        fill(spool, 300, first=3)
        assert service.send(spool.waiting(303))[0] == 200
        service.close()
    packed = [headers.get("Content-Encoding") for headers in web.headers]
    assert packed == [None, "zstd"]
    assert int(web.headers[1]["Content-Length"]) < sum(map(len, spool.bodies())) / 5
    assert web.bodies == list(spool.bodies())


def test_a_service_that_takes_nothing_packed_gets_it_plain_from_then_on(spool: Spool) -> None:
    """415 is answered at once with the same pages as they are, and not tried again."""
    fill(spool, 300, first=3)
    with serving() as web:
        web.unpacks, web.ledger_id = False, spool.ledger_id
        service = push.Service(web.url, None)
        for _ in range(2):
            assert service.send(spool.waiting(303))[0] == 200
        service.close()
    packed = [headers.get("Content-Encoding") for headers in web.headers]
    assert packed == ["zstd", None, None]
    assert web.bodies == list(spool.bodies())


@pytest.mark.slow
def test_the_real_service_unpacks_a_backlog(tmp_path: Path) -> None:
    """Five hundred pages, in packed batches, end as one verified chain."""
    spool = Spool(tmp_path / "spool.db", "host-under-test")
    fill(spool, 500)
    service = Service(tmp_path)
    with ended(service):
        sender = push.Pusher(
            spool, push.Service(service.url, None), lambda _: None, service.url, lambda _: None
        )
        sender.start()
        wait_until(lambda: spool.counts().waiting == 0, "the backlog to arrive")
        sender.stop(30)
        held = service_pages(service.database)
    assert len(list(verify_chain(held))) == 500
    assert held == list(spool.bodies())
    spool.close()


def test_a_certificate_of_ones_own_authority_is_trusted_where_it_is_named(
    spool: Spool, tmp_path: Path
) -> None:
    """`ca_file` instead of the system's authorities; a file without one is a line."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    name = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([require_tool("openssl"), *words, *name], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(context) as web:
        web.ledger_id = spool.ledger_id
        trusting = push.Service(web.url, None, trust=Trust(str(certificate)))
        assert trusting.send(spool.waiting(3))[0] == 200
        trusting.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            push.Service(web.url, None).send(spool.waiting(3))
    for path, why in ((key, "PEM"), (tmp_path / "absent", "No such file")):
        with pytest.raises(SettingsError, match=f"ca_file: cannot use {path}.*{why}"):
            push.Service("https://127.0.0.1", None, trust=Trust(str(path)))


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("http://127.0.0.1:8787", False),
        ("http://[::1]:8787", False),
        ("http://localhost", False),
        ("https://footprint.example", False),
        ("http://footprint.example", True),
        ("http://10.0.0.4:8787", True),
    ],
)
def test_a_token_in_the_open_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str, is_open: bool
) -> None:
    """At the start, with the address and without the token; not on this machine."""
    assert link.is_open(url) == is_open
    if is_open and "example" in url:
        token = tmp_path / "token"
        token.write_text("s3cret-t0ken\n")
        with host(tmp_path, service=url, token_file=str(token)):
            assert "by plain http, for everybody on the way to read" in caplog.text
        assert "s3cret" not in caplog.text
